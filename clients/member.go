package clients

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"

	"golang.org/x/time/rate"

	"beckon/calls/forms"
	"beckon/calls/senders"
	"beckon/internal/catalog"
	"beckon/internal/expression"
	"beckon/internal/gate"
	"beckon/internal/problem"
	"beckon/internal/redact"
	"beckon/internal/render"
)

// Member is a client in force, with everything at hand that a call needs.
type Member struct {
	Client
	Unusable       bool                   // something is wrong with it: its calls are refused
	PromptTemplate *render.Template       // parsed from Template; nil without one
	Condition      *expression.Expression // compiled from Filter; nil without one
	AnswerGate     *gate.Gate             // parsed from Gate; nil without one
	Coalescing     *Coalescing            // nil where each call starts a run of its own
	MetadataJSON   json.RawMessage        // Metadata as a JSON object; nil without any
	Content        *redact.Rules          // how the content of its runs is treated; nil keeps it as it is
	Sender         *senders.Sender        // its source; nil where that is unknown
	credentials    credentials
	tokens         []Credential    // as they were given
	proofs, decoys []senders.Proof // see Proofs
	limiter        *rate.Limiter   // nil without a rate limit
	underWay       *underWay
	addresses      *forms.Addresses // that have sent its form
}

// maxSourceBody is the least that callers which give up may send, in bytes.
const maxSourceBody = 25 << 20

// GivesUp reports whether the client's caller takes a 4xx as final, or stops calling after a few: an alert source
// or a git host.
func (m *Member) GivesUp() bool { return m.HasSource() && m.Sender != nil && m.Sender.GivesUp() }

// BodyLimit returns the largest body, in bytes, that the client may send: its own limit if it has one, otherwise
// the server's.
func (m *Member) BodyLimit(ofServer int64) int64 {
	if m.MaxBodyBytes > 0 {
		return int64(m.MaxBodyBytes)
	}
	if m.GivesUp() {
		return max(ofServer, maxSourceBody)
	}
	return ofServer
}

// FailStatus returns the status with which an answer goes out that does not pass a gate.
func (m *Member) FailStatus() int { return cmp.Or(m.GateStatus, http.StatusOK) }

// Choose returns the agent or flow that a call runs on: the wanted one when the client may use it, the client's first
// when none is wanted.
func (m *Member) Choose(wanted string) (string, error) {
	if wanted == "" {
		return m.AllowedAgents[0], nil
	}
	if !slices.Contains(m.AllowedAgents, wanted) {
		return "", notAllowed(wanted)
	}
	return wanted, nil
}

// notAllowed names the agent where it can be the name of one: anything else that a caller has sent is not repeated.
func notAllowed(wanted string) error {
	if catalog.ValidID(wanted) {
		return problem.New(problem.Denied, problem.CodeAgentNotAllowed,
			"This client may not use the agent %q. Its allowedAgents do not name it.", wanted)
	}
	return problem.New(problem.Denied, problem.CodeAgentNotAllowed,
		"This client may not use the agent it asked for. Its allowedAgents do not name it.")
}
