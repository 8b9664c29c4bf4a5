package web_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/deliveries"
	"beckon/events"
	"beckon/internal/problem"
	"beckon/internal/store"
	"beckon/runs"
)

// The ids of runs in these tests differ in their last characters, and so sort by them.
func runID(n int) string { return fmt.Sprintf("run_01KHQ5V8J000000000000%05d", n) }

// aFlowRun is one of three nodes, one of which failed; with what must be escaped.
func (r *traffic) aFlowRun(id string) {
	at := atMidnight.UnixMilli()
	r.run(id, map[string]any{"status": "FAILED", "kind": "flow", "workflow_id": "incident", "input": "Is <script>alert(1)</script> down?", "output": nil, "metadata": `{"orderId":"<i>456</i>"}`,
		"session_id": "s-<1>", "error_code": "agent_timeout", "error_message": "The <agent> exceeded its timeout.", "error_kind": "expired", "completed_at": at + 10_005, "crashes": 1})
	node := func(place int, name, status string, from, to int64, more map[string]any) {
		r.insert("nodes", map[string]any{"run_id": id, "node_id": name, "node_type": strings.TrimSuffix(name, "#2"), "place": place, "status": status, "started_at": at + from, "completed_at": at + to,
			"total_tokens": 5, "output": "It says </pre><b>no</b>."}, more)
	}
	node(0, "triage", "COMPLETED", 5, 4005, nil)
	node(1, "writer", "COMPLETED", 4005, 6005, nil)
	node(2, "writer#2", "FAILED", 6005, 10_005, map[string]any{"output": nil, "error_code": "agent_timeout", "error_message": "The <agent> exceeded its timeout."})
	ids := events.NewSequence(id, "")
	for i, payload := range []string{`"type":"run.started","data":{"status":"RUNNING"}`, `"type":"node.completed","data":{"nodeId":"<triage>","status":"COMPLETED"}`, `"text":"piece"`, `"type":"run.failed","data":{"status":"FAILED"}`} {
		kind := []string{"run.started", "node.completed", "message.delta", "run.failed"}[i]
		created := atMidnight.Add(time.Duration(i) * time.Second)
		r.insert("events", map[string]any{"run_id": id, "id": ids.Next(created), "type": kind, "payload": `{` + payload + `,"createdAt":"` + created.Format(runs.TimeFormat) + `"}`}, nil)
	}
}

func TestRunPagesLookTheSame(t *testing.T) {
	r := newTraffic(t)
	golden(t, "runs-empty", r.get("/admin/runs").body)
	r.run(runID(1), map[string]any{"input": strings.Repeat("ä", 200)})
	r.aFlowRun(runID(2))
	r.run(runID(3), map[string]any{"status": "RUNNING", "completed_at": nil, "output": nil, "source": "api"})
	r.run(runID(4), map[string]any{"status": "QUEUED", "completed_at": nil, "started_at": nil, "output": nil})
	r.delivery("dlv_01", map[string]any{"run_id": runID(2), "status": "FAILED", "status_code": 500, "error_code": "status", "error": "The receiver answered <500>."})
	r.clock.now = atMidnight.Add(time.Minute)
	golden(t, "runs", r.get("/admin/runs").body)
	golden(t, "runs-none", r.get("/admin/runs?client=gone&q=<b>").body)
	golden(t, "run", r.get("/admin/runs/"+runID(1)+"?done=again").body)
	golden(t, "run-flow", r.get("/admin/runs/"+runID(2)).body)
	golden(t, "run-running", r.get("/admin/runs/"+runID(3)).body)
	golden(t, "run-queued", r.get("/admin/runs/"+runID(4)).body)
}

var linkedRun = regexp.MustCompile(`<a class="main" href="/admin/runs/(run_[^"/]+)">`)

// listed are the last characters of the runs that a page lists.
func listedRuns(page string) string {
	var list []string
	for _, m := range linkedRun.FindAllStringSubmatch(page, -1) {
		list = append(list, m[1][len(m[1])-1:])
	}
	return strings.Join(list, " ")
}

func TestRunsAreFilteredAndFound(t *testing.T) {
	r := newTraffic(t)
	r.run(runID(1), map[string]any{"metadata": `{"orderId":"456","paid":true,"none":null}`})
	r.run(runID(2), map[string]any{"metadata": `{"orderId":456,"n":1.5,"deep":{"orderId":"7"}}`, "source": "api"})
	r.run(runID(3), map[string]any{"status": "FAILED", "client_id": "nightly", "workflow_id": "writer", "error_code": "x", "error_message": "x", "error_kind": "internal"})
	r.run("run_01KHQ600000000000000000004", map[string]any{"metadata": `[]`})
	for query, want := range map[string]string{
		"": "4 3 2 1", "client=nightly": "3", "agent=writer": "3", "status=FAILED": "3", "status=FAILED&client=ci": "", "source=api": "2", "source=webhook": "4 3 1",
		"source=api&status=COMPLETED": "2", "status=UNKNOWN": "", "source=unknown": "",
		"q=orderId%3D456": "2 1", "q=paid%3Dtrue": "1", "q=none%3Dnull": "1", "q=n%3D1.5": "2", "q=orderId%3D45": "", "q=orderId%3D": "", "q=gone%3D1": "", "q=+orderId+%3D+456+": "2 1",
		"q=run_01KHQ5": "3 2 1", "q=01khq5": "3 2 1", "q=RUN_01KHQ6": "4", "q=run_01KHP": "", "q=run_01KHR": "", "q=run_01KHQ5&source=api": "2",
		"q=hello": "", "q==x": "", "q=%3Cscript%3E": "", "q=" + runID(9): "",
	} {
		got := r.get("/admin/runs?" + query)
		require.Equal(t, http.StatusOK, got.StatusCode, query)
		require.Equal(t, want, listedRuns(got.body), query)
		require.NotContains(t, got.body, "<script>", query)
	}
	require.Contains(t, r.get("/admin/runs?q=hello").body, "Texts are not searched.")
	require.Contains(t, r.get("/admin/runs?q="+runID(9)).body, "No run has this ID.")
	for _, id := range []string{runID(2), strings.ToLower(runID(2)), strings.TrimPrefix(runID(2), "run_")} {
		got := r.get("/admin/runs?q=" + id)
		require.Equal(t, http.StatusSeeOther, got.StatusCode, id)
		require.Equal(t, "/admin/runs/"+runID(2), got.Header.Get("Location"))
	}
}

func TestRunsComeInPages(t *testing.T) {
	r := newTraffic(t)
	for i := range 51 {
		r.run(runID(i), nil)
	}
	first := r.get("/admin/runs?client=ci")
	require.Len(t, linkedRun.FindAllString(first.body, -1), 50)
	require.Contains(t, first.body, `data-refresh="4" hx-get="/admin/runs?client=ci"`)
	next := regexp.MustCompile(`<a href="([^"]+)" rel="next"`).FindStringSubmatch(first.body)
	require.NotEmpty(t, next)
	require.Contains(t, next[1], "client=ci")
	second := r.get(strings.ReplaceAll(next[1], "&amp;", "&"))
	require.Equal(t, "0", listedRuns(second.body))
	require.NotContains(t, second.body, "data-refresh", "what is older doesn't change")
	require.NotContains(t, second.body, `rel="next"`)
	require.NotEqual(t, http.StatusOK, r.get("/admin/runs?cursor=forged").StatusCode)

	require.Contains(t, first.body, `<option value="triage">`)
	part := r.get("/admin/runs?client=ci", "HX-Request", "true")
	require.Equal(t, listedRuns(first.body), listedRuns(part.body))
	require.NotContains(t, part.body, `<option value="triage">`, "who asks for the rows alone gets no choices")
}

// What only reading finds is looked for in steps, and what was not reached is on the next page.
func TestASearchIsBounded(t *testing.T) {
	r := newTraffic(t)
	require.NoError(t, r.store.Write(t.Context(), func(tx store.Tx) error {
		for i := range 2010 {
			source := "webhook"
			if i == 3 {
				source = "api"
			}
			err := tx.Exec("INSERT INTO runs (id, status, client_id, workflow_id, source, input, created_at) VALUES (?, 'COMPLETED', 'ci', 'triage', ?, 'in', ?)",
				runID(i), source, atMidnight.UnixMilli())
			if err != nil {
				return err
			}
		}
		return nil
	}))
	first := r.get("/admin/runs?source=api")
	require.Empty(t, listedRuns(first.body))
	require.Contains(t, first.body, "2,000 runs were searched.")
	next := regexp.MustCompile(`<a href="([^"]+)" rel="next"`).FindStringSubmatch(first.body)
	second := r.get(strings.ReplaceAll(next[1], "&amp;", "&"))
	require.Equal(t, "3", listedRuns(second.body))
	require.NotContains(t, second.body, "were searched")
}

func TestCancelFromThePage(t *testing.T) {
	r := newTraffic(t)
	active, err := r.runs.Start(t.Context(), runs.Request{ClientID: "ci", Source: runs.SourceWebhook, Input: "in", Entry: &agents.Entry{ID: "triage", Timeout: time.Minute, Invoker: untilCanceled{}}})
	require.NoError(t, err)
	require.NoError(t, active.Recorded(t.Context()))
	path := "/admin/runs/" + active.ID
	require.Contains(t, r.get(path).body, `data-follow="`+path+`/events"`)
	got := r.post(path+"/cancel", nil)
	require.Equal(t, path+"?done=canceled", got.Header.Get("Location"))
	<-active.Done()
	page := r.get(path + "?done=canceled").body
	require.Contains(t, page, "The run is being canceled.")
	require.Contains(t, page, `<span class="state CANCELED">`)
	require.Contains(t, page, `<p class="note">The run was canceled.</p>`)
	require.NotContains(t, page, "data-refresh", "nothing more happens to it")
	require.NotContains(t, page, "data-follow")
	require.Equal(t, []string{"cancel runs/" + active.ID}, r.audited())

	again := r.post(path+"/cancel", nil)
	require.Equal(t, http.StatusConflict, again.StatusCode)
	require.Contains(t, again.body, "The run has ended already.")
	require.Len(t, r.audited(), 1)
}

type untilCanceled struct{}

func (untilCanceled) Invoke(ctx context.Context, _ agents.Call) (agents.Result, error) {
	<-ctx.Done()
	return agents.Result{}, ctx.Err()
}

func TestRunAgain(t *testing.T) {
	r := newTraffic(t)
	for i, row := range []struct {
		columns map[string]any
		why     string // it cannot be run again; empty where it can
	}{
		{map[string]any{"input": "äh?"}, ""},
		{map[string]any{"workflow_id": "incident", "kind": "flow"}, ""},
		{map[string]any{"client_id": "alerts", "input": "what the template made"}, ""},
		{map[string]any{"client_id": "nightly", "workflow_id": "writer", "input": "what the command was then"}, ""},
		{map[string]any{"client_id": "nightly", "workflow_id": "writer", "source": "api", "input": "something else"}, ""},
		{map[string]any{"workflow_id": "writer"}, "may not use &#34;writer&#34; any more"},
		{map[string]any{"client_id": "gone"}, "Its client was deleted"},
		{map[string]any{"client_id": "off"}, "Its client is disabled."},
		{map[string]any{"input": ""}, "It has no input."},
		{map[string]any{"status": "RUNNING", "completed_at": nil}, "It is still running."},
	} {
		id := runID(i)
		r.run(id, row.columns)
		r.triedAgain = nil
		page, got := r.get("/admin/runs/"+id), r.post("/admin/runs/"+id+"/again", nil)
		if row.why != "" {
			require.Equal(t, http.StatusConflict, got.StatusCode, row.why)
			require.Contains(t, got.body, row.why)
			require.NotContains(t, page.body, `/again"`)
			require.Empty(t, r.triedAgain, row.why)
			continue
		}
		require.Contains(t, page.body, `action="/admin/runs/`+id+`/again"`)
		require.Equal(t, "/admin/runs/run_tried?done=again", got.Header.Get("Location"))
		require.Equal(t, id, r.triedAgain[0].ID)
		require.Equal(t, cmp.Or(row.columns["input"], any("in")), r.triedAgain[0].Input, "the input is the same")
		require.Equal(t, "repeat runs/"+id, r.audited()[0])
	}

	before := r.audited()
	for _, refusal := range []*problem.Error{
		problem.New(problem.Exhausted, "rate_limited", "The client's <rate> is used up."), problem.New(problem.TooLarge, "body_too_large", "It is too large."),
		problem.New(problem.Unavailable, "full", "The gateway is full."),
	} {
		r.refuse = refusal
		got := r.post("/admin/runs/"+runID(0)+"/again", nil)
		require.GreaterOrEqual(t, got.StatusCode, 400)
		require.Less(t, got.StatusCode, 600)
		require.Contains(t, got.body, strings.NewReplacer("<", "&lt;", ">", "&gt;", "'", "&#39;").Replace(refusal.Detail))
		require.Contains(t, got.body, `role="alert"`)
	}
	require.Equal(t, before, r.audited(), "what was not done is not noted")
}

func TestLongTextsAreElsewhere(t *testing.T) {
	r := newTraffic(t)
	long := strings.Repeat("ä<b>", 10_000)
	r.aFlowRun(runID(2))
	r.run(runID(1), map[string]any{"input": long, "output": long, "metadata": `{"a":"` + strings.Repeat("x", 9000) + `"}`})
	page := r.get("/admin/runs/" + runID(1))
	require.Less(t, len(page.body), 60_000)
	beside, answer, _ := strings.Cut(page.body, `<div class="prose rendered">`)
	answer, rest, _ := strings.Cut(answer, "</div>")
	require.NotContains(t, beside+rest, "<b>", "a text is no HTML")
	require.Equal(t, strings.Count(answer, "<b>"), strings.Count(answer, "</b>"), "what an answer opens ends with it")
	require.NotContains(t, page.body, "\ufffd", "no letter is cut")
	require.Contains(t, page.body, "Show all 50,000 bytes")
	path := "/admin/runs/" + runID(1) + "/text"
	event := events.FirstID(runID(2), atMidnight)
	for address, want := range map[string]string{
		path + "?part=input": long, path + "?part=output": long, path + "?part=metadata": `{"a":"` + strings.Repeat("x", 9000) + `"}`, path + "?node=triage": long,
		"/admin/runs/" + runID(2) + "/text?node=writer":    "It says </pre><b>no</b>.",
		"/admin/runs/" + runID(2) + "/text?event=" + event: `{"type":"run.started","data":{"status":"RUNNING"},"createdAt":"2026-02-18T00:00:00.000Z"}`,
	} {
		got := r.get(address)
		require.Equal(t, http.StatusOK, got.StatusCode, address)
		require.Equal(t, want, got.body, address)
		require.Equal(t, "text/plain; charset=utf-8", got.Header.Get("Content-Type"))
		require.Equal(t, "nosniff", got.Header.Get("X-Content-Type-Options"))
		require.Equal(t, "no-store", got.Header.Get("Cache-Control"))
	}
	for _, address := range []string{path, path + "?part=x", path + "?node=x", path + "?event=x", path + "?event=" + event, "/admin/runs/run_none/text?part=input", "/admin/runs/run_none"} {
		require.Equal(t, http.StatusNotFound, r.get(address).StatusCode, address)
	}
}

// However much the agents of a flow have written, its page stays small.
func TestAPageOfManyNodesIsSmall(t *testing.T) {
	r := newTraffic(t)
	r.run(runID(1), map[string]any{"kind": "flow", "workflow_id": "incident"})
	for i := range 30 {
		r.insert("nodes", map[string]any{"run_id": runID(1), "node_id": fmt.Sprintf("n%d", i), "node_type": "triage", "place": i, "status": "COMPLETED", "started_at": atMidnight.UnixMilli(),
			"completed_at": atMidnight.UnixMilli(), "output": strings.Repeat(fmt.Sprintf("words of %d ", i), 1000)}, nil)
	}
	got := r.get("/admin/runs/"+runID(1), "Accept-Encoding", "gzip")
	require.Less(t, len(got.body), 20_000)
	page := r.get("/admin/runs/" + runID(1)).body
	require.Less(t, len(page), 70_000)
	require.Contains(t, page, "/text?node=n29")
}

func TestFollowingARun(t *testing.T) {
	r := newTraffic(t)
	got := r.get("/admin/runs/" + runID(1) + "/events")
	require.Equal(t, "text/event-stream", got.Header.Get("Content-Type"))
	require.Contains(t, got.body, "event: run.completed")
	require.Equal(t, runID(1), r.followed)
	require.Equal(t, http.StatusNotFound, r.get("/admin/runs/run_none/events").StatusCode)
	stranger := r.site.browser().get("/admin/runs/" + runID(1) + "/events")
	require.Equal(t, http.StatusSeeOther, stranger.StatusCode)
}

func TestARunKnowsItsDeliveries(t *testing.T) {
	r := newTraffic(t)
	r.run(runID(1), nil)
	require.Contains(t, r.get("/admin/runs/"+runID(1)).body, "Nothing was delivered")
	for i := range 21 {
		r.delivery(fmt.Sprintf("dlv_01KHQ5V8J0000000000000%04d", i), map[string]any{"run_id": runID(1), "status": string(deliveries.Delivered)})
	}
	page := r.get("/admin/runs/" + runID(1)).body
	require.Equal(t, 20, strings.Count(page, `<a class="main" href="/admin/deliveries/dlv_`))
	require.Contains(t, page, `/admin/deliveries?run=`+runID(1))
}

// A run that has failed says what to do, and leads to the pages where it is done, as far as they are there.
func TestAdviceOnFailedRuns(t *testing.T) {
	r := newTraffic(t)
	provider, agent, flow := `<a href="/admin/providers/offline#found">Provider offline</a>`, `<a href="/admin/agents/triage">Agent triage</a>`, `<a href="/admin/flows/incident">Flow incident</a>`
	for i, row := range []struct {
		code string
		more map[string]any
		want []string
		not  []string
	}{
		{code: "provider_unreachable", want: []string{"Test the connection", provider}, not: []string{agent, flow}},
		{code: "provider_rejected", want: []string{"those that the provider has", agent + " · " + provider}},
		{code: "completion_truncated", want: []string{"maxTokens", agent}, not: []string{provider}},
		{code: "agent_timeout", want: []string{"ask for less", agent + " · " + provider}},
		{code: "interrupted", want: []string{"Run it again", agent}},
		{code: "storage_unavailable", want: []string{"free space"}, not: []string{agent, provider}},
		{code: "something_new", want: []string{"The message above says why", agent}},
		{code: "provider_unreachable", more: map[string]any{"workflow_id": "gone"}, want: []string{"Test the connection"}, not: []string{`href="/admin/providers/`, "Agent gone"}},
		{code: "flow_no_answer", more: map[string]any{"kind": "flow", "workflow_id": "incident"}, want: []string{"gives the answer", flow}},
		{code: "flow_no_answer", more: map[string]any{"kind": "flow", "workflow_id": "gone"}, want: []string{"gives the answer"}, not: []string{flow, "Flow gone"}},
		{code: "canceled", more: map[string]any{"status": "CANCELED"}, not: []string{"What to do"}},
	} {
		columns := map[string]any{"status": "FAILED", "error_code": row.code, "error_message": "No.", "error_kind": "upstream"}
		maps.Copy(columns, row.more)
		r.run(runID(i+1), columns)
		body := strings.ReplaceAll(r.get("/admin/runs/"+runID(i+1)).body, "/admin/providers/new", "") // of the banner
		for _, text := range row.want {
			require.Contains(t, body, text, row.code)
		}
		for _, text := range row.not {
			require.NotContains(t, body, text, row.code)
		}
	}
	r.aFlowRun(runID(90)) // whose second node has failed
	require.Contains(t, r.get("/admin/runs/"+runID(90)).body, flow)
}

// What came from the page is found by that, as what came otherwise.
func TestRunsFromThePageAreFound(t *testing.T) {
	r := newTraffic(t)
	r.run(runID(1), map[string]any{"source": "page"})
	r.run(runID(2), map[string]any{"source": "webhook"})
	list := r.get("/admin/runs?source=page").body
	require.Contains(t, list, "<option selected>page</option>")
	require.Contains(t, list, runID(1))
	require.NotContains(t, list, runID(2))
}
