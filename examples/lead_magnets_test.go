package examples_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/examples/internal/exampletest"
)

const firefox = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0" // on the page of the example

var ada = map[string]any{"name": "Ada Lovelace", "email": "ada@example.com", "company": "Ada & Daughters", "industry": "bakery"}

// openLeads is the example lead-magnets with its gateway.
func openLeads(t *testing.T, changes ...string) *exampletest.Example {
	t.Helper()
	_, err := exec.LookPath("node")
	require.NoError(t, err, "Node.js is not installed: run make test, or apt-get install nodejs")
	e := exampletest.Open(t, "lead-magnets", append(changes, operated...)...)
	e.Run("secrets")
	e.Start("gateway")
	return e
}

// leadEvents waits until the receiver has n events of a kind about a lead. It checks the members that all events have, and returns
// the others.
func leadEvents(t *testing.T, receiver *exampletest.Process, n int, kind, lead string) (found []map[string]any) {
	t.Helper()
	isWanted := func(e exampletest.Event) bool {
		event, _ := e["event"].(map[string]any)
		return event["event"] == kind && event["lead_id"] == lead
	}
	for _, e := range receiver.Events(n, isWanted) {
		requireVendor(t, e, "Magnet", kind)
		event := e["event"].(map[string]any)
		at, err := time.Parse(timeLayout, event["timestamp"].(string))
		require.NoError(t, err)
		require.Equal(t, strconv.FormatInt(at.Unix(), 10), e["headers"].(map[string]any)["x-magnet-timestamp"], "it is the event's")
		require.Equal(t, "org_42", event["organization_id"])
		require.Equal(t, "spring-campaign", event["project_id"])
		require.Equal(t, ada, event["input_data"])
		more := map[string]any{}
		for name, value := range event {
			switch name {
			case "event", "timestamp", "organization_id", "project_id", "lead_id", "input_data":
			default:
				more[name] = value
			}
		}
		found = append(found, more)
	}
	require.Len(t, found, n)
	return found
}

// submit sends the form of the page, and returns the answer.
func submit(t *testing.T, e *exampletest.Example, changes ...string) (answer struct{ RunID, Status, Agent, Response, ShareURL string }) {
	t.Helper()
	body := e.Run("form", changes...)
	require.NoError(t, json.Unmarshal([]byte(body), &answer), body)
	require.Equal(t, "COMPLETED", answer.Status)
	require.Equal(t, "magnet", answer.Agent)
	require.True(t, strings.HasPrefix(answer.ShareURL, e.URL()+"/r/"+answer.RunID+"?expires="), answer.ShareURL)
	return answer
}

func TestLeadMagnets(t *testing.T) {
	e := openLeads(t)
	receiver := e.Start("receiver")
	lead := submit(t, e)
	id := lead.RunID
	findings := []any{"Most bakeries answer within a day.", "Few of them take orders at night."}
	written := "# Two ideas for Ada & Daughters\n\nDear Ada Lovelace, this is what we found:\n\n- Most bakeries answer within a day.\n- Few of them take orders at night."
	require.Equal(t, written, lead.Response)
	require.Equal(t, map[string]any{}, leadEvents(t, receiver, 1, "lead.created", id)[0])
	require.Equal(t, map[string]any{"research_results": map[string]any{"industry": "bakery", "findings": findings}}, leadEvents(t, receiver, 1, "research.completed", id)[0])
	require.Equal(t, map[string]any{"generated_content": map[string]any{"contentLength": float64(len(written))}}, leadEvents(t, receiver, 1, "content.generated", id)[0])
	completed := leadEvents(t, receiver, 1, "lead.completed", id)[0]
	require.Len(t, completed, 1)
	page := completed["page_url"].(string)
	require.True(t, strings.HasPrefix(page, e.URL()+"/r/"+id+"?expires="), page)

	// A person opens it, as the page says.
	shown := e.Run("view")
	require.Contains(t, shown, "<h1>Two ideas for Ada &amp; Daughters</h1>")
	require.NotContains(t, shown, "ada@example.com", "what was asked is not on the page")
	viewed := leadEvents(t, receiver, 1, "lead.viewed", id)[0]
	require.Len(t, viewed, 3)
	require.Equal(t, "198.51.100.7", viewed["viewer_ip"])
	require.Equal(t, firefox, viewed["user_agent"])
	at, err := time.Parse(timeLayout, viewed["viewed_at"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), at, 10*time.Minute)

	// HEAD, prefetches and previews of links are no views; every other reader is one.
	for _, no := range []struct{ method, header string }{
		{http.MethodHead, "User-Agent: " + firefox}, {http.MethodGet, "User-Agent: Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"},
		{http.MethodGet, "User-Agent: WhatsApp/2.23.20.0"}, {http.MethodGet, "Sec-Purpose: prefetch"}, {http.MethodGet, "User-Agent: "},
	} {
		requireStatusOf(t, http.StatusOK, no.method, page, no.header, "X-Forwarded-For: 198.51.100.8")
	}
	for _, address := range []string{"203.0.113.9", "2001:db8::7"} {
		requireStatusOf(t, http.StatusOK, http.MethodGet, page, "User-Agent: Reader", "X-Forwarded-For: 192.0.2.66, "+address)
	}
	readers := map[any]any{}
	for _, v := range leadEvents(t, receiver, 3, "lead.viewed", id) {
		readers[v["viewer_ip"]] = v["user_agent"]
	}
	require.Equal(t, map[any]any{"198.51.100.7": firefox, "203.0.113.9": "Reader", "2001:db8::7": "Reader"}, readers)
	require.Equal(t, 3, views(t, e, id))

	// The receiver has all of it on disk, and has reacted.
	require.Contains(t, receiver.Output(), "Ada Lovelace of Ada & Daughters has opened the page 3 times: write to ada@example.com")
	text, err := os.ReadFile(filepath.Join(e.Dir, "data", "lead-magnets", "leads.json"))
	require.NoError(t, err)
	var kept map[string]struct {
		Organization, Project string
		Visitor, Research     map[string]any
		ContentLength         int
		Page                  string
		Views                 []map[string]string
	}
	require.NoError(t, json.Unmarshal(text, &kept))
	require.Equal(t, "org_42", kept[id].Organization)
	require.Equal(t, "spring-campaign", kept[id].Project)
	require.Equal(t, ada, kept[id].Visitor)
	require.Equal(t, findings, kept[id].Research["findings"])
	require.Equal(t, len(written), kept[id].ContentLength)
	require.Equal(t, page, kept[id].Page)
	require.Len(t, kept[id].Views, 3)

	// A wrong signature is refused.
	requireStatusOf(t, http.StatusUnauthorized, http.MethodPost, receiver.URL()+"/leads", "X-Magnet-Signature: sha256="+strings.Repeat("0", 64), "X-Magnet-Delivery: evt_1")
}

// views is how often the page of a run was opened, by the run's own account.
func views(t *testing.T, e *exampletest.Example, run string) int {
	t.Helper()
	var document struct{ Views int }
	ask(t, e, http.MethodGet, "/runs/"+run, &document)
	return document.Views
}

// Events that a receiver has missed are sent again until it accepts them; one that arrives twice counts once.
func TestAReceiverOfLeadsThatWasAway(t *testing.T) {
	e := openLeads(t)
	lead := submit(t, e)
	deliveries := func() []delivery { return deliveriesOf(t, e, lead.RunID) }
	all := func(is func(delivery) bool) func() bool {
		return func() bool {
			list := deliveries()
			return len(list) == 4 && !slices.ContainsFunc(list, func(d delivery) bool { return !is(d) })
		}
	}
	require.Eventually(t, all(func(d delivery) bool { return len(d.Attempts) > 0 }), exampletest.Patience, 20*time.Millisecond)
	receiver := e.Start("receiver")
	for _, kind := range []string{"lead.created", "research.completed", "content.generated", "lead.completed"} {
		leadEvents(t, receiver, 1, kind, lead.RunID)
	}
	delivered := func(d delivery) bool { return d.Status == "DELIVERED" && len(d.Attempts) > 1 }
	require.Eventually(t, all(delivered), exampletest.Patience, 20*time.Millisecond)

	e.Run("view")
	leadEvents(t, receiver, 1, "lead.viewed", lead.RunID)
	viewed := func() delivery {
		list := deliveries()
		return list[slices.IndexFunc(list, func(d delivery) bool { return d.Type == "lead.viewed" })]
	}
	require.Eventually(t, func() bool { return viewed().Status == "DELIVERED" }, exampletest.Patience, 20*time.Millisecond)
	ask(t, e, http.MethodPost, "/deliveries/"+viewed().ID+"/resend", nil)
	require.Eventually(t, func() bool {
		again := viewed()
		return len(again.Attempts) == 2 && again.Attempts[1].StatusCode == http.StatusNoContent
	}, exampletest.Patience, 20*time.Millisecond)
	require.Equal(t, 1, strings.Count(receiver.Output(), `"event":"lead.viewed"`))
	require.Equal(t, 1, strings.Count(receiver.Output(), "has opened the page"))
}

// When a page cannot be made, lead.failed says why in a sentence.
func TestALeadWithoutAPage(t *testing.T) {
	e := openLeads(t, "Dear {{ .input.name }}", "Dear {{ .input.title }}")
	receiver := e.Start("receiver")
	var answer struct {
		OK          bool
		Code, RunID string
	}
	body := e.Run("form")
	require.NoError(t, json.Unmarshal([]byte(body), &answer), body)
	require.Equal(t, "template_failed", answer.Code)
	failed := leadEvents(t, receiver, 1, "lead.failed", answer.RunID)[0]
	require.Len(t, failed, 1)
	require.Contains(t, failed["error"], "could not be rendered")
}

// A link that was changed or cut short answers 404, and so does one to a page that was revoked. Neither is a view.
func TestLeadLinksThatOpenNothing(t *testing.T) {
	e := openLeads(t)
	receiver := e.Start("receiver")
	lead := submit(t, e)
	other := submit(t, e)
	page := lead.ShareURL
	address, _, _ := strings.Cut(page, "?")
	_, queryOfOther, _ := strings.Cut(other.ShareURL, "?")
	for _, wrong := range []string{page[:len(page)-5], address, address + "?" + queryOfOther, strings.Replace(page, "expires=", "expires=9", 1)} {
		requireStatusOf(t, http.StatusNotFound, http.MethodGet, wrong, "User-Agent: "+firefox)
	}
	ask(t, e, http.MethodDelete, "/runs/"+lead.RunID+"/share", nil)
	requireStatusOf(t, http.StatusNotFound, http.MethodGet, page, "User-Agent: "+firefox)

	requireStatusOf(t, http.StatusOK, http.MethodGet, other.ShareURL, "User-Agent: "+firefox)
	leadEvents(t, receiver, 1, "lead.viewed", other.RunID)
	require.Zero(t, views(t, e, lead.RunID))
}

// X-Forwarded-For of an address that is no trusted proxy is ignored: the viewer is who has connected.
func TestALeadBehindNoProxy(t *testing.T) {
	e := openLeads(t, `trustedProxies: ["127.0.0.1", "::1"]`, "trustedProxies: [192.0.2.1]")
	receiver := e.Start("receiver")
	lead := submit(t, e)
	e.Run("view")
	viewed := leadEvents(t, receiver, 1, "lead.viewed", lead.RunID)[0]
	require.Contains(t, []any{"127.0.0.1", "::1"}, viewed["viewer_ip"])
}

// A form that lacks a required field is refused; an optional one may be left out.
func TestALeadFormThatIsNotWhole(t *testing.T) {
	e := openLeads(t)
	require.Contains(t, e.Run("form", "--data-urlencode 'email=ada@example.com'", ""), `"code":"template_failed"`)
	require.Contains(t, e.Run("form", "--data-urlencode 'industry=bakery'", ""), `"ok":true`)
}
