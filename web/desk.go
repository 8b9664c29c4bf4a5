package web

import (
	"context"
	"io"
	"net/http"
	"time"

	"beckon/agents"
	"beckon/clients"
	"beckon/commands"
	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
	"beckon/runs"
)

// Desk is what the pages work with. They call the same methods as the admin API.
type Desk struct {
	Providers Resource[agents.Provider]
	Agents    Resource[agents.Agent]
	Flows     Resource[agents.Flow]
	Commands  Resource[commands.Command]
	Clients   Resource[clients.Client]
	Endpoints Resource[deliveries.Endpoint]
	Secrets   Secrets
	Audit     AuditList

	Runs       *runs.Service
	Deliveries *deliveries.Service
	Refused    RefusedList
	Settings   Settings

	// Preview makes the prompt of a client's call from a request, without a call to a model: the text, and the agent or
	// flow that would get it.
	Preview func(ctx context.Context, client clients.Client, r clients.Request) (clients.Prompt, string, error)
	// Try starts a run as a call of the client would, with its limits, and returns the run's id at once.
	Try func(ctx context.Context, clientID string, r clients.Request) (runID string, err error)
	// Models asks a provider which models it has: the test of its connection.
	Models func(ctx context.Context, p agents.Provider) ([]string, error)
	// FlowYAML reads a flow as a configuration file has it, and writes one. Errors name the line.
	FlowYAML FlowYAML
	// Follow answers with the events of a run, as GET /api/v1/runs/{id}/events does.
	Follow func(w http.ResponseWriter, r *http.Request, runID string) error
}

// Resource is what the pages do with one noun; see config.Section. version is the one that the form was made from; a
// problem of kind Outdated or Conflict says that somebody else was faster. The secret of Create is shown once.
type Resource[T any] interface {
	List(ctx context.Context) ([]catalog.Record[T], error)
	Get(ctx context.Context, id string) (catalog.Record[T], error)
	Create(ctx context.Context, who string, item T, wrong ...problem.Field) (catalog.Record[T], secret.String, error)
	Update(ctx context.Context, who string, item T, version int64, wrong ...problem.Field) (catalog.Record[T], error)
	Delete(ctx context.Context, who, id string, version int64) error
}

// Secrets makes new tokens and secrets, which are shown once, and keeps notes of what was done; see config.Editor.
type Secrets interface {
	RotateToken(ctx context.Context, who, id string, overlap time.Duration) (secret.String, error)
	RotateSecret(ctx context.Context, who, id string, given secret.String) (secret.String, error)
	Note(ctx context.Context, who, action, section, id string, what any) error
}

// AuditList is the list of what was changed; see store.Store.
type AuditList interface {
	AuditEntries(ctx context.Context, q catalog.AuditQuery) (list []catalog.AuditEntry, next string, err error)
}

// RefusedList is the list of the last calls that were turned away; see store.Store.
type RefusedList interface {
	RefusedCalls(ctx context.Context, q store.RefusedQuery) (list []store.RefusedCall, next string, err error)
	RefusedCall(ctx context.Context, id string) (store.RefusedCall, error)
}

// Setting is one setting of the configuration: its key, its value with secrets masked, and where that comes from.
type Setting struct {
	Key, Value, Origin string
}

// Settings is what is in force.
type Settings interface {
	Settings() []Setting
	// Trouble says why the configuration file as it is now is not in force; empty when it is.
	Trouble() string
	// Export writes all of it as a configuration file, without secrets.
	Export(ctx context.Context, w io.Writer) error
}

// FlowYAML turns flows into text for people and back.
type FlowYAML struct {
	// Write writes typed texts at their paths in the place of what the flow has there, such as one that is no number.
	Write func(f agents.Flow, typed map[string]string) (string, error)
	// Read finds mistakes of the text with their lines; fields are of a flow that reads well.
	Read func(text string) (agents.Flow, []Mistake, error)
	// Check finds what is wrong with a flow on its own.
	Check func(agents.Flow) problem.Fields
	// Line finds the line of a text that the path of a field leads to; 0 is unknown.
	Line func(text, path string) int
}

// Mistake is what is wrong in a line of a text.
type Mistake struct {
	Line int // from 1; 0 is unknown
	Text string
}
