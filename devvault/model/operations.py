"""The register: each operation, its action, its policy verb, its audit name.

The gate takes nothing that is not listed here. Data actions and permissions: the REST
specification and Azure's built-in roles reference; audit names: the AuditEvent category.
"""

from __future__ import annotations

from dataclasses import dataclass

_V = "Microsoft.KeyVault/vaults"
_L = "Microsoft.KeyVault/locations/deletedVaults"


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing the service does.

    `action` is what RBAC is asked for; `data` says whether it is a data action. `permission` is
    the access-policy verb (empty on the control plane). `changes` is false for a pure read.
    """

    id: str
    audit: str
    action: str
    data: bool = False
    permission: str = ""
    changes: bool = True

    @property
    def kind(self) -> str:
        """The kind of object that a data operation is about, as access policies name it."""
        word = self.action.split("/")[2]
        return _KINDS.get(word, word)


# Data actions whose third word is no kind of object.
_KINDS = {
    "keyrotationpolicies": "keys",
    "certificatecas": "certificates",
    "certificatecontacts": "certificates",
}


def _data(id: str, audit: str, permission: str, action: str, *, changes: bool = True) -> Operation:
    return Operation(id, audit, f"{_V}/secrets/{action}", True, permission, changes)


SET_SECRET = _data("SetSecret", "SecretSet", "set", "setSecret/action")
GET_SECRET = _data("GetSecret", "SecretGet", "get", "getSecret/action", changes=False)
UPDATE_SECRET = _data("UpdateSecret", "SecretUpdate", "set", "update/action")
LIST_SECRETS = _data("GetSecrets", "SecretList", "list", "readMetadata/action", changes=False)
LIST_SECRET_VERSIONS = _data(
    "GetSecretVersions", "SecretListVersions", "list", "readMetadata/action", changes=False
)
DELETE_SECRET = _data("DeleteSecret", "SecretDelete", "delete", "delete")
GET_DELETED_SECRET = _data(
    "GetDeletedSecret", "SecretGetDeleted", "get", "readMetadata/action", changes=False
)
LIST_DELETED_SECRETS = _data(
    "GetDeletedSecrets", "SecretListDeleted", "list", "readMetadata/action", changes=False
)
RECOVER_SECRET = _data("RecoverDeletedSecret", "SecretRecover", "recover", "recover/action")
PURGE_SECRET = _data("PurgeDeletedSecret", "SecretPurge", "purge", "purge/action")
BACKUP_SECRET = _data("BackupSecret", "SecretBackup", "backup", "backup/action", changes=False)
RESTORE_SECRET = _data("RestoreSecret", "SecretRestore", "restore", "restore/action")
# A request to a vault that names no operation: it is refused, and the refusal is recorded.
OTHER_DATA = Operation("OtherData", "Unknown", f"{_V}/other", changes=False)
OTHER_CONTROL = Operation(
    "OtherControl", "UnknownResource", "Microsoft.Resources/other/read", changes=False
)

GET_VAULT = Operation("VaultsGet", "VaultGet", f"{_V}/read", changes=False)
LIST_VAULTS = Operation("VaultsList", "VaultList", f"{_V}/read", changes=False)
PUT_VAULT = Operation("VaultsCreateOrUpdate", "VaultPut", f"{_V}/write")
PATCH_VAULT = Operation("VaultsUpdate", "VaultPatch", f"{_V}/write")
PUT_POLICIES = Operation(
    "VaultsUpdateAccessPolicy", "VaultAccessPolicyPut", f"{_V}/accessPolicies/write"
)
MIGRATE_VAULT = Operation("VaultsMigrateToRbac", "VaultMigrateToRbac", f"{_V}/write")
DELETE_VAULT = Operation("VaultsDelete", "VaultDelete", f"{_V}/delete")
RECOVER_VAULT = Operation("VaultsRecover", "VaultRecover", f"{_V}/write")
GET_DELETED_VAULT = Operation("VaultsGetDeleted", "VaultGetDeleted", f"{_L}/read", changes=False)
LIST_DELETED_VAULTS = Operation(
    "VaultsListDeleted", "VaultListDeleted", f"{_L}/read", changes=False
)
PURGE_VAULT = Operation("VaultsPurgeDeleted", "VaultPurge", f"{_L}/purge/action")
CHECK_VAULT_NAME = Operation(
    "VaultsCheckNameAvailability",
    "VaultCheckNameAvailability",
    "Microsoft.KeyVault/checkNameAvailability/read",
    changes=False,
)

GET_SUBSCRIPTION = Operation(
    "SubscriptionsGet",
    "SubscriptionGet",
    "Microsoft.Resources/subscriptions/read",
    changes=False,
)
READ_DIRECTORY = Operation(
    "DirectoryObjectsList",
    "DirectoryRead",
    "Microsoft.Directory/directoryObjects/read",
    changes=False,
)

PUT_PRINCIPAL = Operation(
    "PrincipalPut", "PrincipalPut", "Microsoft.Directory/directoryObjects/write"
)
DELETE_PRINCIPAL = Operation(
    "PrincipalDelete", "PrincipalDelete", "Microsoft.Directory/directoryObjects/delete"
)

_G = "Microsoft.Resources/subscriptions/resourceGroups"
GET_GROUP = Operation("ResourceGroupsGet", "ResourceGroupGet", f"{_G}/read", changes=False)
LIST_GROUPS = Operation("ResourceGroupsList", "ResourceGroupList", f"{_G}/read", changes=False)
PUT_GROUP = Operation("ResourceGroupsCreateOrUpdate", "ResourceGroupPut", f"{_G}/write")
DELETE_GROUP = Operation("ResourceGroupsDelete", "ResourceGroupDelete", f"{_G}/delete")

_A = "Microsoft.Authorization/roleAssignments"
LIST_ASSIGNMENTS = Operation(
    "RoleAssignmentsList", "RoleAssignmentList", f"{_A}/read", changes=False
)
PUT_ASSIGNMENT = Operation("RoleAssignmentsCreate", "RoleAssignmentPut", f"{_A}/write")
DELETE_ASSIGNMENT = Operation("RoleAssignmentsDelete", "RoleAssignmentDelete", f"{_A}/delete")
# Whether roles or policies decide in a vault: who changes that gives and takes rights of many.
CHANGE_MODEL = Operation("VaultsChangeAccessModel", "VaultAccessModelPut", f"{_A}/write")
_D = "Microsoft.Authorization/roleDefinitions"
LIST_ROLES = Operation("RoleDefinitionsList", "RoleDefinitionList", f"{_D}/read", changes=False)
PUT_ROLE = Operation("RoleDefinitionsCreateOrUpdate", "RoleDefinitionPut", f"{_D}/write")
DELETE_ROLE = Operation("RoleDefinitionsDelete", "RoleDefinitionDelete", f"{_D}/delete")

_I = "Microsoft.ManagedIdentity/userAssignedIdentities"
PUT_IDENTITY = Operation(
    "UserAssignedIdentitiesCreateOrUpdate", "ManagedIdentityPut", f"{_I}/write"
)
GET_IDENTITY = Operation(
    "UserAssignedIdentitiesGet", "ManagedIdentityGet", f"{_I}/read", changes=False
)
LIST_IDENTITIES = Operation(
    "UserAssignedIdentitiesList", "ManagedIdentityList", f"{_I}/read", changes=False
)
DELETE_IDENTITY = Operation("UserAssignedIdentitiesDelete", "ManagedIdentityDelete", f"{_I}/delete")

_W = "Microsoft.Web/sites"
PUT_APP = Operation("WebAppsCreateOrUpdate", "WebAppPut", f"{_W}/write")
GET_APP = Operation("WebAppsGet", "WebAppGet", f"{_W}/read", changes=False)
LIST_APPS = Operation("WebAppsList", "WebAppList", f"{_W}/read", changes=False)
DELETE_APP = Operation("WebAppsDelete", "WebAppDelete", f"{_W}/delete")
PUT_APP_SETTINGS = Operation(
    "WebAppsUpdateApplicationSettings", "WebAppSettingsPut", f"{_W}/config/write"
)
LIST_APP_SETTINGS = Operation(
    "WebAppsListApplicationSettings",
    "WebAppSettingsList",
    f"{_W}/config/list/action",
    changes=False,
)

# Our own plane: what only the owner of the home does, over the socket. `Devvault/...` actions are
# matched by no built-in role; the gate allows them to the home's owner alone.
_H = "Devvault/home"
INIT_HOME = Operation("HomeInit", "HomeInit", f"{_H}/write")
UNLOCK_HOME = Operation("HomeUnlock", "HomeUnlock", f"{_H}/unlock/action")
LOCK_HOME = Operation("HomeLock", "HomeLock", f"{_H}/lock/action")
REKEY_HOME = Operation("HomeRekey", "HomeRekey", f"{_H}/rekey/action")
ADD_RECOVERY = Operation("RecoveryAdd", "HomeRecoveryAdd", f"{_H}/recovery/write")
REMOVE_RECOVERY = Operation("RecoveryRemove", "HomeRecoveryRemove", f"{_H}/recovery/delete")
BACKUP_HOME = Operation("HomeBackup", "HomeBackup", f"{_H}/backup/action")
RESTORE_HOME = Operation("HomeRestore", "HomeRestore", f"{_H}/restore/action")
ACCEPT_RESTORE = Operation("AcceptRestore", "HomeAcceptRestore", f"{_H}/acceptRestore/action")
PUT_TRUST = Operation("TrustPut", "FolderAllow", f"{_H}/trust/write")
DELETE_TRUST = Operation("TrustDelete", "FolderDisallow", f"{_H}/trust/delete")
LIST_TRUST = Operation("TrustList", "FolderList", f"{_H}/trust/read", changes=False)
CHECK_TRUST = Operation("TrustCheck", "FolderRefused", f"{_H}/trust/read", changes=False)
PUT_STASH = Operation("StashPut", "FileStash", f"{_H}/stash/write")
GET_STASH = Operation("StashGet", "FileUnstash", f"{_H}/stash/read", changes=False)
DELETE_STASH = Operation("StashDelete", "FileStashDelete", f"{_H}/stash/delete")
PUT_AUTHORITY = Operation("AuthorityPut", "AuthorityCreate", f"{_H}/authority/write")
ISSUE_LEAF = Operation(
    "LeafIssue", "ServerCertificateIssue", f"{_H}/authority/sign/action", changes=False
)
OPEN_TUNNEL = Operation("TunnelOpen", "ProxyConnect", f"{_H}/proxy/action", changes=False)
READ_AUDIT = Operation("AuditList", "AuditList", f"{_H}/audit/read", changes=False)
VERIFY_AUDIT = Operation("AuditVerify", "AuditVerify", f"{_H}/audit/read", changes=False)
PRUNE_AUDIT = Operation("AuditPrune", "AuditPrune", f"{_H}/audit/delete")
RECOMMEND_ACCESS = Operation(
    "AccessRecommend", "AccessRecommend", f"{_H}/access/read", changes=False
)
EXPLAIN_ACCESS = Operation("AccessExplain", "AccessExplain", f"{_H}/access/read", changes=False)
READ_OVERVIEW = Operation("OverviewGet", "HomeOverview", f"{_H}/read", changes=False)
LIST_NAMES = Operation("NamesList", "HomeNames", f"{_H}/read", changes=False)
SCAN_VALUES = Operation("CheckScan", "CheckScan", f"{_H}/scan/action", changes=False)
LIST_PRINCIPALS = Operation(
    "PrincipalsList", "PrincipalList", f"{_H}/principals/read", changes=False
)
PUT_CREDENTIAL = Operation("CredentialPut", "CredentialPut", f"{_H}/credentials/write")
DELETE_CREDENTIAL = Operation("CredentialDelete", "CredentialDelete", f"{_H}/credentials/delete")
LIST_CREDENTIALS = Operation(
    "CredentialList", "CredentialList", f"{_H}/credentials/read", changes=False
)
MAKE_SIGNING_KEY = Operation("SigningKeyMake", "SigningKeyMake", f"{_H}/signing/write")
# Who asks is only found out by these two, so no right is asked for; what came of it is recorded.
AUTHENTICATE = Operation(
    "Authenticate", "Authentication", f"{_H}/authenticate/action", changes=False
)
ISSUE_TOKEN = Operation("TokenIssue", "TokenIssue", f"{_H}/tokens/action", changes=False)

OPERATIONS: dict[str, Operation] = {
    found.id: found for found in list(globals().values()) if isinstance(found, Operation)
}
