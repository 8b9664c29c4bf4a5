package share

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"beckon/agents"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/signature"
)

// ApprovalPath is the path that links to calls of tools have, in front of the ids of the run and the call.
const ApprovalPath = "/approve/"

const approvalPurpose = "beckon approval links v1"

// Approval is the page on which somebody without a login decides on a call of a tool.
type Approval struct {
	Agent     string
	Tool      string
	Arguments string // JSON, laid out
	ExpiresAt time.Time
	Decided   bool // Allowed, By and At say what was decided
	Allowed   bool
	By        string // empty is nobody in time
	At        time.Time
	Over      bool // the run has ended meanwhile
}

// Write answers with the page.
func (a Approval) Write(w http.ResponseWriter, status int) error {
	return writeWith(w, status, "approval.html", a, approvalPolicy)
}

// ApprovalLink signs a link to the page of a call. It is bound to the run, the tool and the arguments, and good
// until the call expires. It is empty where there is no key.
func (s *Service) ApprovalLink(runID string, call agents.ToolCall) string {
	query, err := s.approvals.Query(approvalID(runID, call), call.ExpiresAt)
	if err != nil {
		s.Log.Warn("links to calls that wait for a person cannot be signed", "error", err)
		return ""
	}
	return s.PublicURL + ApprovalPath + runID + "/" + call.ID + "?" + query
}

// CheckApproval says whether a link to a call may be opened now; its errors are those of Check.
func (s *Service) CheckApproval(runID string, call agents.ToolCall, query url.Values) error {
	switch err := s.approvals.Check(approvalID(runID, call), query, s.Now()); {
	case errors.Is(err, signature.ErrNoLink):
		return ErrNoApproval
	case errors.Is(err, signature.ErrLinkExpired):
		return ErrApprovalExpired
	case err != nil:
		return problem.New(problem.Unavailable, problem.CodeStorageUnavailable,
			"The page cannot be shown now. Try again later.").Because(err)
	}
	return nil
}

// Why a link leads to no call. What they say is for whoever has opened it.
var (
	ErrNoApproval = problem.New(problem.NotFound, problem.CodeApprovalNotFound,
		"The link is incomplete, or the run is not there any more. Open it as it was sent.")
	ErrApprovalExpired = problem.New(problem.Gone, problem.CodeApprovalExpired,
		"Nobody approved the call in time, so it is denied.")
)

func approvalID(runID string, call agents.ToolCall) string {
	return runID + "\n" + call.ID + "\n" + call.Digest()
}

// waitingMark is in every event run.waiting; within a text its quotes would be escaped.
var waitingMark = []byte(`"type":"run.waiting"`)

// FillApprovals returns the payload of an event run.waiting with links to the calls that it names. Any other is
// returned as it is.
func (s *Service) FillApprovals(payload []byte) []byte {
	if !bytes.Contains(payload, waitingMark) {
		return payload
	}
	var event struct {
		Success    bool   `json:"success"`
		Type       string `json:"type"`
		RunID      string `json:"runId"`
		WorkflowID string `json:"workflowId"`
		Data       struct {
			Status         string          `json:"status"`
			CompletedNodes int             `json:"completedNodes"`
			FailedNodes    int             `json:"failedNodes"`
			Output         json.RawMessage `json:"output"`
			Approvals      []struct {
				ID        string          `json:"id"`
				NodeID    string          `json:"nodeId"`
				Tool      string          `json:"tool"`
				Arguments json.RawMessage `json:"arguments"`
				ExpiresAt string          `json:"expiresAt"`
				URL       string          `json:"url"`
			} `json:"approvals"`
		} `json:"data"`
		Metadata  json.RawMessage `json:"metadata"`
		Error     *string         `json:"error"`
		CreatedAt string          `json:"createdAt"`
	}
	if json.Unmarshal(payload, &event) != nil || event.Type != "run.waiting" {
		return payload
	}
	for i := range event.Data.Approvals {
		a := &event.Data.Approvals[i]
		until, err := time.Parse(time.RFC3339, a.ExpiresAt)
		if err != nil {
			return payload
		}
		a.URL = s.ApprovalLink(event.RunID, agents.ToolCall{
			ID:        a.ID,
			Tool:      a.Tool,
			Arguments: string(a.Arguments),
			ExpiresAt: until,
		})
	}
	var filled bytes.Buffer
	encoder := json.NewEncoder(&filled)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(event) != nil {
		return payload
	}
	return bytes.TrimSpace(filled.Bytes())
}

var approvalLink = regexp.MustCompile(`/approve/(run_[0-9A-Za-z]+)/[^\s"'<>]*`)

// HideApprovals takes the links to calls out of a text, such as what a receiver has answered.
func HideApprovals(text string) string {
	return approvalLink.ReplaceAllString(text, ApprovalPath+"$1/"+secret.Mask)
}
