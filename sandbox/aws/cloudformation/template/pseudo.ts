/** Names that every template may refer to. Notifications are refused, so their ARNs are always an empty list. */
export const pseudoParameters: ReadonlySet<string> = new Set([
  "AWS::AccountId",
  "AWS::NoValue",
  "AWS::NotificationARNs",
  "AWS::Partition",
  "AWS::Region",
  "AWS::StackId",
  "AWS::StackName",
  "AWS::URLSuffix",
]);
