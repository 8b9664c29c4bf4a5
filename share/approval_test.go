package share_test

import (
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/share"
)

// A link decides on one call of one run with its arguments, until it expires. Whatever is changed about it, it leads nowhere.
func TestApprovalLinks(t *testing.T) {
	now := time.Unix(1_772_000_000, 0)
	s := newService(&now)
	call := agents.ToolCall{ID: "call_1", Tool: "deploy.rollback", Arguments: `{"version": "v41"}`, ExpiresAt: now.Add(time.Hour)}
	path, text, _ := strings.Cut(s.ApprovalLink("run_1", call), "?")
	require.Equal(t, "https://beckon.example.com/beckon/approve/run_1/call_1", path)
	query, err := url.ParseQuery(text)
	require.NoError(t, err)
	require.NoError(t, s.CheckApproval("run_1", call, query))
	require.NoError(t, newService(&now).CheckApproval("run_1", call, query), "another replica opens it")
	laidOut := call
	laidOut.Arguments = `{"version":"v41"}`
	require.NoError(t, s.CheckApproval("run_1", laidOut, query), "the same arguments, laid out differently")

	require.Equal(t, share.ErrNoApproval, s.CheckApproval("run_2", call, query), "another run")
	for what, change := range map[string]func(c *agents.ToolCall){
		"another call":    func(c *agents.ToolCall) { c.ID = "call_2" },
		"another tool":    func(c *agents.ToolCall) { c.Tool = "deploy.delete" },
		"other arguments": func(c *agents.ToolCall) { c.Arguments = `{"version":"v40"}` },
	} {
		other := call
		change(&other)
		require.Equal(t, share.ErrNoApproval, s.CheckApproval("run_1", other, query), what)
	}
	signed := query.Get("signature")
	for i := range len(signed) - 1 { // the last letter has bits that mean nothing
		other := "A"
		if signed[i] == 'A' {
			other = "B"
		}
		changed := url.Values{"expires": query["expires"], "signature": {signed[:i] + other + signed[i+1:]}}
		require.Equal(t, share.ErrNoApproval, s.CheckApproval("run_1", call, changed), "one byte")
	}
	later := url.Values{"expires": {strconv.FormatInt(now.Add(2*time.Hour).Unix(), 10)}, "signature": query["signature"]}
	require.Equal(t, share.ErrNoApproval, s.CheckApproval("run_1", call, later), "a longer life")
	require.Equal(t, share.ErrNoApproval, s.CheckApproval("run_1", call, url.Values{}))

	now = call.ExpiresAt.Add(time.Second)
	require.Equal(t, share.ErrApprovalExpired, s.CheckApproval("run_1", call, query), "late")
}
