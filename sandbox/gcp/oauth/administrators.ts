/** Credentials of a person as `gcloud auth application-default login` writes them to a file. */
export interface UserCredentials {
  readonly type: "authorized_user";
  readonly client_id: string;
  readonly client_secret: string;
  readonly refresh_token: string;
  readonly quota_project_id?: string;
  readonly universe_domain: "googleapis.com";
}

/** Owner of all projects. */
export const administratorEmail = "administrator@example.com";
export const administratorMember = `user:${administratorEmail}`;

/** The OAuth client that people of the sandbox sign in with. */
export const userClient = {
  id: "sandbox.apps.googleusercontent.com",
  secret: "sandbox-client-secret",
} as const;

/** They open nothing but a sandbox on this computer, so that everybody may know them. */
export const administratorToken = "1//sandbox-administrator";

/** @param refreshToken of the administrator, or of a user that an operation created */
export function userCredentials(refreshToken = administratorToken): UserCredentials {
  return {
    type: "authorized_user",
    client_id: userClient.id,
    client_secret: userClient.secret,
    refresh_token: refreshToken,
    universe_domain: "googleapis.com",
  };
}
