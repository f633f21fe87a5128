"""Every limit of push datasets as a named constant with its source. Enforced where used, not here.

Sources: LIMITATIONS is https://learn.microsoft.com/power-bi/developer/embedded/push-datasets-limitations,
TYPES is https://learn.microsoft.com/rest/api/power-bi/push-datasets (data types and their ranges), SWAGGER is the
REST API's own specification.
"""

from __future__ import annotations

import re

# LIMITATIONS
MAX_TABLES = 75
MAX_COLUMNS_PER_TABLE = 75
MAX_RELATIONSHIPS = 75
MAX_ROWS_PER_POST = 10_000
MAX_ROWS_PER_HOUR = 1_000_000
MAX_PENDING_POSTS = 5
MAX_POSTS_PER_MINUTE = 120
# LIMITATIONS: once a table holds this many rows, POSTs are limited per hour
LARGE_TABLE_ROWS = 250_000
MAX_POSTS_PER_HOUR_LARGE_TABLE = 120
# LIMITATIONS: rows of one table under each retention policy
MAX_ROWS_BASIC_FIFO = 200_000
MAX_ROWS_NO_RETENTION = 5_000_000
MAX_STRING_CHARACTERS = 4_000
# LIMITATIONS: 16 MB of request body
MAX_REQUEST_BYTES = 16 * 1024 * 1024
# LIMITATIONS, streaming tiles and the push URL: 15 KB per request, five requests per second
MAX_STREAMING_REQUEST_BYTES = 15 * 1024
MAX_STREAMING_POSTS_PER_SECOND = 5

# SWAGGER, executeQueries: rows and values per response, and queries per caller across all datasets
MAX_QUERY_ROWS = 100_000
MAX_QUERY_VALUES = 1_000_000
MAX_QUERIES_PER_MINUTE = 120

# https://learn.microsoft.com/power-bi/connect-data/refresh-data: scheduled refreshes per day
MAX_SCHEDULED_REFRESHES_SHARED = 8
MAX_SCHEDULED_REFRESHES_DEDICATED = 48
# SWAGGER, refreshes: scheduled ones count too; dedicated capacity has no such limit
MAX_API_REFRESHES_PER_DAY_SHARED = 8
# SWAGGER, refreshes: the limit for one attempt unless a timeout is given, and for a refresh with all its attempts
REFRESH_ATTEMPT_HOURS = 5
REFRESH_HOURS = 24
# SWAGGER, Default.UpdateParameters
MAX_PARAMETERS_PER_REQUEST = 100

HOUR_SECONDS = 3_600.0
MINUTE_SECONDS = 60.0

# TYPES: Int64 and Double without their two extremes, Decimal with 28 digits of which 4 after the point
INT64_MIN = -(2**63) + 1
INT64_MAX = 2**63 - 2
DOUBLE_MAX = 1.7976931348623157e308
"""Excluded, with its negative."""
DECIMAL_DIGITS = 28
DECIMAL_SCALE = 4
# TYPES: DateTime is kept to 1/300 of a second
DATETIME_TICKS_PER_SECOND = 300

DATA_TYPES = ("Int64", "Double", "Boolean", "DateTime", "String", "Decimal")
RETENTION_POLICIES = ("None", "basicFIFO")
# SWAGGER, defaultMode: the modes that accept rows through this API
PUSH_MODES = ("Push", "Streaming", "PushStreaming")
# Users' reports: streaming modes accept nothing else and answer 400 InvalidRequest
STREAMING_COLUMN_KEYS = ("name", "dataType")

# SWAGGER: pattern of a table's name (letters, digits, blank, # - @ ^ _ ~ and everything above), 100 characters at most
TABLE_NAME = re.compile("[\t\n\r #\\-0-9@-Z^_a-z~-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]{1,100}")
# From public clients: a push dataset with a table of this name is rejected
RESERVED_TABLE_NAMES = ("date",)

SEQUENCE_HEADER = "X-PowerBI-PushData-SequenceNumber"
REQUEST_ID_HEADER = "RequestId"
