"""moto_server with what a deploy of a protected stack needs beside it, as AWS has it; and a line for each call that says how
many milliseconds of it were moto's own."""

import sys
import time

import moto.server
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult


def update_termination_protection(self):
    stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
    stack.enable_termination_protection = self._get_bool_param("EnableTerminationProtection", False)
    return ActionResult({"StackId": stack.stack_id})


def allow_empty_change_sets(self, incoming_params, stack_body, old_stack):
    """A change set without changes is made, and fails by itself; moto refuses it as it does an update."""


class Timed(moto.server.DomainDispatcherApplication):
    def __call__(self, environ, start_response):
        begin = time.perf_counter()
        answer = super().__call__(environ, start_response)
        # Before the answer leaves, so that whoever has it can find the line.
        print(f"{(time.perf_counter() - begin) * 1000:.3f}", flush=True)
        return answer


CloudFormationResponse.update_termination_protection = update_termination_protection
CloudFormationResponse._validate_different_update = allow_empty_change_sets
moto.server.DomainDispatcherApplication = Timed
moto.server.main(sys.argv[1:])
