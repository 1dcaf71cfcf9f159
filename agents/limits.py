"""How much the settings of an agent may be: what is stored, ordered and sent knows one figure each.

All of them together fit into one message to a call process, whatever their characters.
"""

MAX_NAME = 100
MAX_URL = 2_000
MAX_SECRET = 2_000
MAX_SHORT = 200
"Ids, voices and other words of the agent's platform."
MAX_GREETING = 2_000
MAX_PROMPT = 20_000
MAX_TOOLS = 20_000
"Characters of the tools as JSON."
MAX_KEYTERMS = 100
MAX_KEYTERM = 100
MAX_VOLUME = 100
MAX_CALL_S = 7 * 86_400
MAX_SILENCE_S = 3600
MAX_READY_S = 60
MAX_TURN_DETECTION = 2_000
"Characters of the settings as JSON."
MAX_PARAMETERS = 20
MAX_PARAMETER_NAME = 64
MAX_PARAMETER_VALUE = 256
"Of a SIP header's value that is handed on; what is longer is cut."
