package web

import (
	"context"
	"io"
	"net/http"

	"beckon/agents"
	"beckon/artifacts"
	"beckon/budgets"
	"beckon/calls"
	"beckon/clients"
	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/doctor"
	"beckon/internal/spend"
	"beckon/internal/store"
	"beckon/runs"
	"beckon/schedules"
	conversations "beckon/sessions"
	"beckon/share"
	"beckon/tools"
)

// Backend is what the pages call: the same methods as the admin API calls.
type Backend struct {
	Editor *catalog.Editor

	Runs *runs.Service
	// Conversations are what clients and agents have said to each other.
	Conversations *conversations.Service
	Artifacts     *artifacts.Service
	Share         *share.Service
	Deliveries    *deliveries.Service
	Refused       RefusedList
	Settings      Settings

	Calls     Calls
	Replays   *calls.Service     // replays kept requests; nil for none
	Schedules *schedules.Service // when clients run and have called; nil for never
	Tools     *tools.Toolbox     // the connections to tool servers; nil for none

	// Budgets returns how much of budgets is used up; the func may be nil.
	Budgets func(ctx context.Context, list []budgets.Owned) ([]budgets.Use, error)
	// ServerBudget returns server.budget; the func may be nil.
	ServerBudget func() *spend.Budget
	// FormKey returns the key of a client's form that is in force; empty for none. The func may be nil.
	FormKey func(clientID string) string
	// Examine runs the checks of `beckon doctor`, without network only those that reach no other host. It takes half a minute at most.
	Examine func(ctx context.Context, network bool) []doctor.Finding
	// Models asks a provider, with its key, which models it has. It also tests the connection.
	Models func(ctx context.Context, p agents.Provider) ([]string, error)
	// Notes returns what Beckon has learnt of the models of an agent; the func is nil where it learns nothing.
	Notes func(agentID string) []string
	// ExportData writes what is on record of a client or a visitor, one JSON object a line.
	ExportData func(ctx context.Context, d runs.DataSubject, to io.Writer) error
	// Follow answers with the events of a run, as GET /api/v1/runs/{id}/events does.
	Follow func(w http.ResponseWriter, r *http.Request, runID string) error
}

// Calls previews and tries calls, and knows the last ones; see calls.Service.
type Calls interface {
	LastArrival(clientID string) (calls.Arrival, bool)
	Preview(client clients.Client, r *calls.Request) (p calls.Prompt, agent string, err error)
	Try(ctx context.Context, r *calls.Request) (runID string, err error)
	TryAgain(ctx context.Context, run *runs.Run) (runID string, err error)
	TryAgent(ctx context.Context, agentID, prompt string) (runID string, err error)
}

// RefusedList is the list of the calls that were refused last; see store.Store.
type RefusedList interface {
	RefusedCalls(ctx context.Context, q store.RefusedQuery) (list []store.RefusedCall, next string, err error)
	RefusedCall(ctx context.Context, id string) (store.RefusedCall, error)
}

// Setting is one setting of the configuration: its key, its value with secrets masked, and where that comes from.
type Setting struct {
	Key, Value, Origin string
	Description        string
}

// Settings is what is in force.
type Settings interface {
	Settings() []Setting
	// Trouble says why the configuration file as it is now is not in force; empty when it is.
	Trouble() string
	// ConfigFile returns the absolute path of the configuration file. exists is false where Beckon has started without one, and would
	// have read this one.
	ConfigFile() (path string, exists bool)
	// Export writes all of it as a configuration file, without secrets.
	Export(ctx context.Context, w io.Writer) error
}
