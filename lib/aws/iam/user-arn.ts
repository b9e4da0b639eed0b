/** ARN that the management role trusts: variable AWS_USER_ARN. Undefined: the caller that creates the role. */
export function userArnOf({ AWS_USER_ARN: arn = "" }: Readonly<Record<string, string>>): string | undefined {
  return arn === "" ? undefined : arn;
}
