package examples_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/examples/internal/exampletest"
	"beckon/internal/secret"
	"beckon/internal/signature"
)

// shown are the events that a page shows, each indented and in several lines.
var shown = regexp.MustCompile(`(?m)^    \{"success".*(?:\n     .*)*`)

// started runs the example with its receivers.
func started(t *testing.T) (e *exampletest.Example, express, fastapi *exampletest.Process) {
	needFastAPI(t)
	e = exampletest.Open(t, "workflow-webhooks")
	e.Run("secrets")
	express, fastapi = e.Start("express"), e.Start("fastapi")
	e.Start("gateway")
	return e, express, fastapi
}

func needFastAPI(t *testing.T) {
	for _, name := range []string{"fastapi", "uvicorn"} {
		require.DirExists(t, "/usr/lib/python3/dist-packages/"+name, "%[1]s is not installed: run make test, or apt-get install python3-%[1]s", name)
	}
}

// event is an event in the default form.
func event(workflow, kind, data, metadata, err string) string {
	return fmt.Sprintf(`{"success":%t,"type":%q,"runId":"run_…","workflowId":%q,"data":%s,"metadata":%s,"error":%s,"createdAt":"…"}`,
		err == "null", kind, workflow, data, metadata, err)
}

const (
	queued      = `{"status":"QUEUED","completedNodes":0,"failedNodes":0,"output":null}`
	begun       = `{"status":"RUNNING","completedNodes":0,"failedNodes":0,"output":null}`
	outlined    = `{"nodeId":"outline","nodeType":"outline","status":"COMPLETED","output":"1. Why. 2. How."}`
	notReviewed = `{"nodeId":"review","nodeType":"review","status":"FAILED","output":null,"errorCode":"template_failed"}`
	cameEmpty   = `"The template of agent \"review\" could not be rendered: it came out empty. Check its provider's template."`
)

func TestWorkflowWebhooks(t *testing.T) {
	e, express, fastapi := started(t)
	page, err := os.ReadFile("workflow-webhooks/README.md")
	require.NoError(t, err)
	examples := shown.FindAllString(string(page), -1)
	require.Len(t, examples, 2)

	t.Run("the first call", func(t *testing.T) {
		run := accepted(t, e.Run("call"))
		events := told(t, express, 5, "", run)
		order := `{"orderId":"order_456"}`
		requireBodies(t, []string{
			event("article", "run.started", begun, order, "null"),
			event("article", "node.completed", outlined, order, "null"),
			event("article", "node.completed", `{"nodeId":"review","nodeType":"review","status":"COMPLETED","output":"Approved."}`, order, "null"),
			event("article", "node.completed", `{"nodeId":"draft","nodeType":"draft","status":"COMPLETED","output":"Webhooks: first why, then how."}`, order, "null"),
			examples[0],
		}, events)
		require.Len(t, attempts(t, e.Run("deliveries")), 5, "others are on their way")
		e.Run("read")
		e.Run("read")
		requireBodies(t, []string{event("article", "run.viewed", `{"status":"COMPLETED","completedNodes":3,"failedNodes":0,"output":"Webhooks: first why, then how."}`, order, "null")},
			told(t, express, 6, "", run)[5:])
		require.Len(t, attempts(t, e.Run("deliveries")), 6, "it is viewed for the first time once")
		for _, e := range events {
			requireStandard(t, e)
		}
		require.Contains(t, express.Output(), "order order_456: Webhooks: first why, then how.\n")
		require.Contains(t, string(page), "`order order_456: Webhooks: first why, then how.`")
	})

	t.Run("a node", func(t *testing.T) {
		run := accepted(t, e.Run("node"))
		requireBodies(t, []string{
			event("image", "run.started", begun, "null", "null"),
			event("image", "run.completed", `{"status":"COMPLETED","completedNodes":1,"failedNodes":0,
				"output":"{\"image_count\":1,\"style\":{\"prompt\": \"A fox in the snow\"}}"}`, "null", "null"),
		}, told(t, express, 2, "", run))
		require.Len(t, attempts(t, e.Run("deliveries")), 2, "others are on their way")
	})

	t.Run("a failure", func(t *testing.T) {
		run, order := accepted(t, e.Run("fail")), `{"orderId":"order_457"}`
		requireBodies(t, []string{
			event("article", "run.started", begun, order, "null"),
			event("article", "node.completed", outlined, order, "null"),
			event("article", "node.failed", notReviewed, order, cameEmpty),
			examples[1],
		}, told(t, express, 4, "", run))
		require.Contains(t, express.Output(), "order order_457 failed: The step \"review\" failed: ")
	})

	t.Run("canceled", func(t *testing.T) {
		run := accepted(t, e.Run("video"))
		told(t, express, 6, "", run) // up to node.started of render
		require.JSONEq(t, `{"ok":true,"runId":"`+run+`","status":"RUNNING","url":"/api/v1/runs/`+run+`"}`, e.Run("cancel"))
		requireBodies(t, []string{
			event("video", "run.created", queued, "null", "null"),
			event("video", "run.queued", queued, "null", "null"),
			event("video", "run.started", begun, "null", "null"),
			event("video", "node.started", `{"nodeId":"outline","nodeType":"outline","status":"RUNNING","output":null}`, "null", "null"),
			event("video", "node.completed", outlined, "null", "null"),
			event("video", "node.started", `{"nodeId":"render","nodeType":"render","status":"RUNNING","output":null}`, "null", "null"),
			event("video", "node.canceled", `{"nodeId":"render","nodeType":"render","status":"CANCELED","output":null,"errorCode":"canceled"}`, "null", `"It was stopped before it had answered."`),
			event("video", "run.canceled", `{"status":"CANCELED","completedNodes":1,"failedNodes":0,"output":"1. Why. 2. How.","errorCode":"canceled"}`, "null", `"The run was canceled."`),
		}, told(t, express, 8, "", run))
		requireBodies(t, jobs("run", "queued", "rendering", "canceled"), told(t, fastapi, 3, "/webhooks/jobs", run))
	})

	t.Run("the forms of other products", func(t *testing.T) {
		run := accepted(t, e.Run("newsletter"))
		requireBodies(t, jobs("workflow", "queued", "rendering", "complete"), told(t, fastapi, 3, "/webhooks/jobs", run))
		for _, e := range told(t, fastapi, 3, "/webhooks/jobs", run) {
			requireStandard(t, e)
		}
		events := told(t, fastapi, 5, "/webhooks/acme", run)
		requireBodies(t, []string{
			acme("workflow.started", begun),
			acme("node.completed", outlined),
			acme("node.completed", `{"nodeId":"review","nodeType":"review","status":"COMPLETED","output":"Approved."}`),
			acme("node.completed", `{"nodeId":"draft","nodeType":"draft","status":"COMPLETED","output":"Autumn: first why, then how."}`),
			acme("workflow.completed", `{"status":"COMPLETED","completedNodes":3,"failedNodes":0,"output":"Autumn: first why, then how."}`),
		}, events)
		for _, e := range events {
			requireAcme(t, e)
		}

		run = accepted(t, e.Run("newsletter", "Autumn", "nothing"))
		requireBodies(t, jobs("workflow", "queued", "rendering", "error"), told(t, fastapi, 3, "/webhooks/jobs", run))
		requireBodies(t, []string{
			acme("workflow.started", begun),
			acme("node.completed", outlined),
			acme("node.failed", notReviewed),
			acme("workflow.failed", `{"status":"FAILED","completedNodes":1,"failedNodes":1,"output":"1. Why. 2. How.","errorCode":"template_failed"}`),
		}, told(t, fastapi, 4, "/webhooks/acme", run))
	})

	t.Run("a receiver that is down", func(t *testing.T) {
		express.Kill()
		flaky := e.Start("flaky")
		run := accepted(t, e.Run("retry"))
		taken := told(t, flaky, 1, "", run)[0]
		requireStandard(t, taken)
		require.Equal(t, exampletest.Event{"failed": taken["id"]}, flaky.Events(1, func(e exampletest.Event) bool { return e["failed"] != nil })[0])
		require.Eventually(t, func() bool {
			return reflect.DeepEqual([][]int{{http.StatusInternalServerError, http.StatusNoContent}}, attempts(t, e.Run("deliveries")))
		}, exampletest.Patience, 50*time.Millisecond)
		flaky.Kill()
	})

	t.Run("a receiver with another secret", func(t *testing.T) {
		fastapi.Kill()
		other := []string{". ./secrets.sh", ". ./secrets.sh; WEBHOOK_SECRET=" + signature.NewSecret(signature.Standard).Reveal()}
		express, fastapi := e.Start("express", other...), e.Start("fastapi", other...)
		refused := func(e exampletest.Event) bool { return e["refused"] != nil }
		accepted(t, e.Run("retry"))
		express.Events(1, refused)
		require.Eventually(t, func() bool {
			sent := attempts(t, e.Run("deliveries"))
			return len(sent) == 1 && slices.Contains(sent[0], http.StatusUnauthorized)
		}, exampletest.Patience, 50*time.Millisecond)
		accepted(t, e.Run("newsletter"))
		for _, path := range []string{"/webhooks/jobs", "/webhooks/acme"} {
			fastapi.Events(1, func(e exampletest.Event) bool { return e["refused"] == path })
		}
		for _, p := range []*exampletest.Process{express, fastapi} {
			require.NotContains(t, p.Output(), `"event"`)
		}
	})
}

// jobs are the events of the endpoint jobs about a run: created, started, and its end.
func jobs(family string, statuses ...string) (list []string) {
	ends := map[string]string{"queued": "created", "rendering": "started", "complete": "completed", "error": "failed", "canceled": "canceled"}
	for _, status := range statuses {
		list = append(list, fmt.Sprintf(`{"type":"%s.%s","payload":{"id":"run_…","status":%q,"downloads":[]}}`, family, ends[status], status))
	}
	return list
}

func acme(kind, data string) string {
	return fmt.Sprintf(`{"event":%q,"timestamp":"…","run_id":"run_…","data":%s}`, kind, data)
}

// requireAcme wants the headers of a vendor, and none of Standard Webhooks.
func requireAcme(t *testing.T, e exampletest.Event) {
	t.Helper()
	h, event := e["headers"].(map[string]any), e["event"].(map[string]any)
	require.Equal(t, "application/json", h["content-type"])
	require.Equal(t, "Acme-Webhooks/1.0", h["user-agent"])
	require.Regexp(t, `^sha256=[0-9a-f]{64}$`, h["x-acme-signature"])
	require.Equal(t, event["event"], h["x-acme-event"])
	require.Regexp(t, eventID, h["x-acme-delivery"])
	require.Equal(t, fmt.Sprint(int64(event["timestamp"].(float64))/1000), h["x-acme-timestamp"], "it is the event's")
	requireNow(t, h["x-acme-timestamp"])
	for name := range h {
		require.False(t, strings.HasPrefix(name, "webhook-") || strings.HasPrefix(name, "svix-"), name)
	}
}

// What somebody has changed, signed with another secret, or kept for later is refused.
func TestReceiversOfExamplesRefuse(t *testing.T) {
	needFastAPI(t)
	workflows, pipelines := exampletest.Open(t, "workflow-webhooks"), exampletest.Open(t, "gateway")
	const body = `{"type":"run.completed","data":{"output":"ü"}}`
	for _, r := range []struct {
		of          *exampletest.Example
		block, path string
	}{
		{workflows, "express", "/webhooks/runs"}, {workflows, "fastapi", "/webhooks/jobs"}, {pipelines, "receiver", "/callback"},
	} {
		t.Run(r.block, func(t *testing.T) {
			r.of.Run("secrets")
			shared, other := secretOf(t, r.of), signature.NewSecret(signature.Standard)
			url := r.of.Start(r.block).URL() + r.path
			for name, c := range map[string]struct {
				secrets []secret.String
				age     time.Duration
				body    string
				status  int
			}{
				"good":               {[]secret.String{shared}, 0, body, http.StatusNoContent},
				"signed by two":      {[]secret.String{other, shared}, 0, body, http.StatusNoContent},
				"another secret":     {[]secret.String{other}, 0, body, http.StatusUnauthorized},
				"another body":       {[]secret.String{shared}, 0, strings.Replace(body, "ü", "u", 1), http.StatusUnauthorized},
				"too old":            {[]secret.String{shared}, 6 * time.Minute, body, http.StatusUnauthorized},
				"too new":            {[]secret.String{shared}, -6 * time.Minute, body, http.StatusUnauthorized},
				"without signatures": {nil, 0, body, http.StatusUnauthorized},
				"too large":          {[]secret.String{shared}, 0, strings.Repeat(" ", 1<<20+1), http.StatusRequestEntityTooLarge},
			} {
				h := http.Header{}
				if m := (signature.Message{ID: "evt_1", At: time.Now().Add(-c.age), Body: []byte(body)}); c.secrets != nil {
					require.NoError(t, signature.Sign(h, signature.Standard, "", c.secrets, m))
				}
				h.Set("Content-Type", "application/json")
				require.Equal(t, c.status, post(t, url, c.body, h), name)
			}
		})
	}
}

func post(t *testing.T, url, body string, h http.Header) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	request.Header = h
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return answer.StatusCode
}

// secretOf is what the gateway and the receivers of an example share.
func secretOf(t *testing.T, e *exampletest.Example) secret.String {
	text, err := os.ReadFile(filepath.Join(e.Dir, "secrets.sh"))
	require.NoError(t, err)
	return secret.String(regexp.MustCompile(`whsec_\S+`).FindString(string(text)))
}

// make test installs what the page says to install.
func TestModulesAreInstalledAsThePageSays(t *testing.T) {
	makefile, err := os.ReadFile("../Makefile")
	require.NoError(t, err)
	require.Contains(t, string(makefile), "npm ci --prefix $*")
	e := exampletest.Open(t, "workflow-webhooks")
	require.Equal(t, "npm ci --prefix examples/workflow-webhooks/express\n", e.Blocks["npm"])
	require.Contains(t, string(makefile), "examples/workflow-webhooks/express/node_modules/.package-lock.json")
	lock, err := os.ReadFile("workflow-webhooks/express/package-lock.json")
	require.NoError(t, err)
	require.Contains(t, string(lock), `"integrity"`)
	require.NotContains(t, string(lock), "resolved", "a lock file works with any registry as long as it names none")
}
