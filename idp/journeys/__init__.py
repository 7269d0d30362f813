"""What a person does in several steps: `engine` stores a journey and lets it move only on declared roads; the rest
are journeys.

`registration` is the way to an account: who one is; `registration_code` how the code goes out and comes back;
`registration_account` the last step, in which everything comes into being.
"""
