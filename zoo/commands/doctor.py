"""`zoo doctor`: is everything there that the zoo needs?"""

from __future__ import annotations

import click

from zoo.commands.options import json_option

EPILOG = """\b
Looks at Python, torch and its threads, the kernel's confinement of strangers'
agents, the home and its size, disk and memory, and which extras are installed.
Exit code 3 says that something is at fault; what is only left out is a note.

\b
Examples:
  zoo doctor
  zoo doctor --json
"""

_WORDS = {"fine": "OK", "note": "note", "fault": "FAULT"}
_STYLES = {"fine": "green", "note": "yellow", "fault": "bold red"}


@click.command(epilog=EPILOG)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Check this machine and say what to do where something is missing."""
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.text import Text

    from zoo.bench.doctor import examine

    console, findings = Console(highlight=False), []
    for finding in examine():
        findings.append(finding)
        if not as_json:
            line = Text(f"{_WORDS[finding.state]:<6}", style=_STYLES[finding.state])
            cure = f"; {finding.cure}" if finding.cure else ""
            console.print(line.append(f"{finding.subject}: {finding.found}{cure}", "not bold default"))
    faults = [finding.subject for finding in findings if finding.state == "fault"]
    if as_json:
        click.echo(json.dumps({"healthy": not faults, "findings": [asdict(one) for one in findings]}, indent=1))
    else:
        console.print(f"At fault: {', '.join(faults)}." if faults else "Everything that the zoo needs is there.")
    if faults:
        ctx.exit(3)
