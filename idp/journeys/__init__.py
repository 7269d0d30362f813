"""What a person does in several steps: `engine` stores a journey and lets it move only on declared roads; the rest
are journeys.

`registration` is the way to an account: who one is; `registration_code` how the code goes out and comes back;
`registration_account` the last step, in which everything comes into being. `sign_in` is what a right password opens, and
`second_factor` how an app is added. `upgrade` is the way to Premium: `upgrade_overview` says what is missing and which ways are
open, `upgrade_questions` asks, `upgrade_code` sends a code to an address of record and takes it back. `locking` is what an
operator, and the link "This was not me" in a mail, do to an account.
"""
