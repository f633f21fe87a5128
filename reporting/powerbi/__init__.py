"""A standalone client of the Power BI REST API for push datasets. No Spark, no sink, no state but a login cache.

The documented limits are in `livegold.reporting.powerbi.limits`.
"""

from livegold.reporting.powerbi.auth import (
    CertificateTokens,
    DeviceCodeTokens,
    GivenTokens,
    TokenProvider,
    Tokens,
    claims_of,
)
from livegold.reporting.powerbi.caller import encoded, values_of
from livegold.reporting.powerbi.client import Dataset, PowerBIClient, rows_body
from livegold.reporting.powerbi.dataset import (
    column_format,
    data_type,
    dataset_name,
    dimension_columns,
    fact_columns,
    push_dataset,
    refuse_taken_tables,
)
from livegold.reporting.powerbi.evolution import impossible_changes
from livegold.reporting.powerbi.http import Session
from livegold.reporting.powerbi.login import tokens_from_settings
from livegold.reporting.powerbi.place import powerbi_settings
from livegold.reporting.powerbi.push_url import push_url_rows
from livegold.reporting.powerbi.queries import AtLeast, Row, count_and_sums, execute_query, sums_by
from livegold.reporting.powerbi.refresh import Enhanced, Refresh, Refreshes, RefreshObject
from livegold.reporting.powerbi.refresh_run import RefreshRun, check_outcome
from livegold.reporting.powerbi.schedule import DAYS, Schedule, change_of, read_days, read_times
from livegold.reporting.powerbi.settings import POWERBI_SETTINGS

__all__ = [
    "DAYS",
    "POWERBI_SETTINGS",
    "AtLeast",
    "CertificateTokens",
    "Dataset",
    "DeviceCodeTokens",
    "Enhanced",
    "GivenTokens",
    "PowerBIClient",
    "Refresh",
    "RefreshObject",
    "RefreshRun",
    "Refreshes",
    "Row",
    "Schedule",
    "Session",
    "TokenProvider",
    "Tokens",
    "change_of",
    "check_outcome",
    "claims_of",
    "column_format",
    "count_and_sums",
    "data_type",
    "dataset_name",
    "dimension_columns",
    "encoded",
    "execute_query",
    "fact_columns",
    "impossible_changes",
    "powerbi_settings",
    "push_dataset",
    "push_url_rows",
    "read_days",
    "read_times",
    "refuse_taken_tables",
    "rows_body",
    "sums_by",
    "tokens_from_settings",
    "values_of",
]
