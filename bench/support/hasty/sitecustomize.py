"""Python imports this by itself from PYTHONPATH. The AWS CLI looks at a stack every 30 s, which can't be told otherwise; here it
does so as often as our task looks at first, so that what is compared is work and not pauses."""

import time

longest = 0.2
patient = time.sleep
time.sleep = lambda seconds: patient(min(seconds, longest))
