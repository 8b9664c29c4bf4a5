package web_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The timeline goes on to the attempts at deliveries close behind the run; those of later retries stand at its edge.
func TestDeliveriesAreOnTheTimelineOfARun(t *testing.T) {
	r := newTraffic(t)
	at := atMidnight.UnixMilli()
	r.run(runID(1), map[string]any{"started_at": at, "completed_at": at + 6000})
	r.insert("nodes", map[string]any{"run_id": runID(1), "node_id": "triage", "node_type": "triage", "place": 0, "status": "COMPLETED", "started_at": at, "completed_at": at + 6000, "total_tokens": 5}, nil)
	r.delivery("dlv_01", map[string]any{"run_id": runID(1), "status": "DELIVERED", "attempts": 2})
	r.attempt("dlv_01", 1, map[string]any{"started_at": at + 6000, "duration_us": 2_000_000, "status_code": 500, "error_code": "status", "error": "It answered 500."})
	r.attempt("dlv_01", 2, map[string]any{"started_at": at + 3_600_000, "duration_us": 40_000, "status_code": 204})
	page := r.get("/admin/runs/" + runID(1)).body
	for _, want := range []string{
		`<rect class="model" x="0%" y="33%" width="75%"`, `<rect class="bad" x="75%" y="33%" width="25%"`, `<rect class="out" x="99.6%" y="33%" width="0.4%"`,
		"<dt>Attempt 1</dt><dd>+6.0 s, took 2.0 s, answered 500", "<dt>Attempt 2</dt><dd>+60 min 0 s, took 40 ms, answered 204", "<span>8.0 s</span>", "2 attempts", `<a href="/admin/deliveries/dlv_01">Open the delivery</a>`,
	} {
		require.Contains(t, page, want)
	}
}
