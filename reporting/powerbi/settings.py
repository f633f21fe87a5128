"""The settings for Power BI: its address, the login, and the dataset. Does not read them."""

from __future__ import annotations

from livegold.reporting.settings import Setting

POWERBI_SETTINGS: tuple[Setting, ...] = (
    Setting("powerbi.api", "https://api.powerbi.com", "root of the Power BI REST API"),
    Setting("powerbi.authority", "https://login.microsoftonline.com", "root of Entra ID"),
    Setting("powerbi.tenant", "", "tenant id"),
    Setting("powerbi.client_id", "", "application (client) id of the service principal, or of the app for users"),
    Setting(
        "powerbi.login",
        "",
        "how to sign in: a service principal's secret or certificate, or a user by device_code; "
        "empty is secret or certificate, whichever is set",
        ("", "secret", "certificate", "device_code"),
    ),
    Setting("powerbi.client_secret", "", "secret of the service principal", secret=True),
    Setting("powerbi.certificate", "", "PEM file with the service principal's private key and certificate"),
    Setting("powerbi.certificate_password", "", "password of that private key, where it has one", secret=True),
    Setting(
        "powerbi.workspace",
        "",
        "id of the workspace (group) that holds the dataset; empty is My workspace, which users have",
    ),
    Setting("powerbi.dataset", "", "name of the push dataset; empty is derived from the use case"),
    Setting("powerbi.ca", "", "PEM file of a private certificate authority, as the local service has"),
)
