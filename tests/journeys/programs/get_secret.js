// As an app would have it: nothing of devvault in it.
const { DefaultAzureCredential } = require("@azure/identity");
const { SecretClient } = require("@azure/keyvault-secrets");

new SecretClient("https://my-app-vault.vault.azure.net/", new DefaultAzureCredential())
  .getSecret("db-connection-string")
  .then((secret) => console.log(secret.value))
  .catch((error) => {
    console.error(error.name, error.statusCode, error.code, error.message);
    process.exit(1);
  });
