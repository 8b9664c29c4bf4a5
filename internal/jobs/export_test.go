package jobs

import "time"

// Polls is how long a job may wait that nobody is told of: on PostgreSQL, where River holds notifications back.
const Polls time.Duration = pollPostgres
