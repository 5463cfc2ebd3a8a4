"""How a test drives a Python client: `serve` reads commands from standard input, each a line
`["<command>", "<argument>", …]`, and answers each with a line `{"answer": …}` or `{"error": "…"}`.
"""

import json
import sys


def serve(commands, client):
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        try:
            answer = {"answer": commands[command](client, *arguments)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
