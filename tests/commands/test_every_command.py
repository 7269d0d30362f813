"""What holds for every command: it explains itself, answers programs, and takes no secret as an argument."""

from collections.abc import Iterator

import click

from idp.cli.main import idp

_FOR_DEVELOPERS = {"docs", "demo mail"}


def _leaves(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            sub = command.get_command(context, name)
            assert sub is not None, name
            yield from _leaves(sub, (*words, name))
    else:
        yield " ".join(words), command


def test_every_command_has_help_and_json() -> None:
    found = dict(_leaves(idp))
    assert len(found) >= 20
    for words, command in found.items():
        assert command.help, words
        assert command.help.strip().splitlines()[0].endswith((".", ":")), words
        options = {option for parameter in command.params for option in parameter.opts}
        assert "--json" in options or words in _FOR_DEVELOPERS, words


def test_every_option_explains_itself() -> None:
    for words, command in _leaves(idp):
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{words} {parameter.opts}"


def test_no_secret_is_an_argument() -> None:
    """R160: what stands on a command line is seen by everybody on the machine."""
    for words, command in _leaves(idp):
        for parameter in command.params:
            names = " ".join((parameter.name or "", *parameter.opts))
            words_of = set(names.replace("-", " ").replace("_", " ").split())
            assert not {"password", "secret"} & words_of, words
