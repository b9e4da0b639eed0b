"""Python imports this by itself from PYTHONPATH. The AWS CLI looks at a stack every 30 s, which can't be told otherwise; a sandbox
whose minutes are milliseconds is looked at sooner."""

import time

longest = 0.2
patient = time.sleep
time.sleep = lambda seconds: patient(min(seconds, longest))
