package web_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/deliveries"
)

// inAges is when a delivery is due that is not to be sent while a test looks at it, however long that takes.
var inAges = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)

func deliveryID(n int) string { return fmt.Sprintf("dlv_01KHQ5V8J000000000000%05d", n) }

func TestDeliveryPagesLookTheSame(t *testing.T) {
	r := newTraffic(t)
	golden(t, "deliveries-empty", r.get("/admin/deliveries").body)
	golden(t, "deliveries-none", r.get("/admin/deliveries?endpoint=<b>").body)
	r.delivery(deliveryID(1), nil)
	r.delivery(deliveryID(2), map[string]any{"status": "PENDING", "completed_at": nil, "attempts": 2, "reason": "retry", "due_at": inAges.UnixMilli(), "status_code": 500,
		"error_code": "status", "error": "The receiver answered <500>."})
	r.delivery(deliveryID(3), map[string]any{"lane": "callback:https://a.example", "endpoint_id": nil, "callback": `{"url":"https://a.example/<hook>?key=s3cret"}`, "status": "FAILED", "status_code": nil,
		"error_code": "timeout", "error": "The receiver took too long."})
	r.attempt(deliveryID(2), 1, map[string]any{"status_code": nil, "error_code": "refused", "error": "The receiver refuses connections.", "request_headers": `{}`})
	r.attempt(deliveryID(2), 2, map[string]any{"reason": "retry", "status_code": 500, "error_code": "status", "error": "The receiver answered <500>.", "response_body": "<h1>Down</h1> & out", "truncated": true})
	r.attempt(deliveryID(1), 1, nil)
	golden(t, "deliveries", r.get("/admin/deliveries").body)
	golden(t, "delivery", r.get("/admin/deliveries/"+deliveryID(1)).body)
	golden(t, "delivery-pending", r.get("/admin/deliveries/"+deliveryID(2)+"?done=resent").body)
	callback := r.get("/admin/deliveries/" + deliveryID(3)).body
	require.NotContains(t, callback, "s3cret", "a query may hold a key")
	golden(t, "delivery-callback", callback)
}

var linkedDelivery = regexp.MustCompile(`<a class="main" href="/admin/deliveries/(dlv_[^"/]+)">`)

func listedDeliveries(page string) string {
	var list []string
	for _, m := range linkedDelivery.FindAllStringSubmatch(page, -1) {
		list = append(list, m[1][len(m[1])-1:])
	}
	return strings.Join(list, " ")
}

func TestDeliveriesAreFiltered(t *testing.T) {
	r := newTraffic(t)
	r.delivery(deliveryID(1), nil)
	r.delivery(deliveryID(2), map[string]any{"status": "FAILED", "endpoint_id": "gone", "run_id": "run_02"})
	r.delivery(deliveryID(3), map[string]any{"status": "FAILED"})
	later := map[string]any{"event_id": "evt_4", "type": "lead.won", "client_id": "nightly"}
	r.delivery("dlv_01KHQ99460000000000000000004", later) // an hour behind the others
	for query, want := range map[string]string{
		"": "4 3 2 1", "status=FAILED": "3 2", "endpoint=filed": "4 3 1", "endpoint=filed&status=FAILED": "3", "run=run_02": "2", "endpoint=none": "", "status=x": "", "endpoint=+filed+": "4 3 1",
		"event=evt_4": "4", "event=evt_01&status=FAILED": "3 2", "event=evt_01&run=run_02": "2", "event=none": "", "type=lead.won": "4", "type=run.failed&endpoint=gone": "2",
		"client=ci": "3 2 1", "client=nightly&type=run.failed": "", "client=ci&status=DELIVERED": "1", "since=2026-02-18T02:00": "4", "until=2026-02-18T02:00": "3 2 1",
		"since=2026-02-18T01:00&until=2026-02-18T01:29": "", "since=2026-02-18T01:29&until=2026-02-18T01:30&client=ci&type=run.failed&status=FAILED&endpoint=filed": "3",
	} {
		require.Equal(t, want, listedDeliveries(r.get("/admin/deliveries?"+query).body), query)
	}
	wrong := r.get("/admin/deliveries?since=yesterday")
	require.Equal(t, 200, wrong.StatusCode)
	require.Contains(t, wrong.body, "Since and until must be times such as")
	require.Empty(t, listedDeliveries(wrong.body))
	require.Contains(t, r.get("/admin/deliveries").body, `<option value="filed">`)
	require.NotContains(t, r.get("/admin/deliveries", "HX-Request", "true").body, `<option value="filed">`)
	for i := range 60 {
		r.delivery(deliveryID(100+i), nil)
	}
	first := r.get("/admin/deliveries?endpoint=filed")
	require.Len(t, linkedDelivery.FindAllString(first.body, -1), 50)
	require.Contains(t, first.body, "data-refresh")
	next := regexp.MustCompile(`<a href="([^"]+)" rel="next"`).FindStringSubmatch(first.body)
	second := r.get(strings.ReplaceAll(next[1], "&amp;", "&"))
	require.Len(t, linkedDelivery.FindAllString(second.body, -1), 13)
	require.NotContains(t, second.body, "data-refresh")
}

func TestResendFromThePage(t *testing.T) {
	r := newTraffic(t)
	to := newReceiver(t, http.StatusInternalServerError)
	r.endpoint(deliveries.Endpoint{ID: "ops", URL: to.URL})
	tested, _, err := r.deliveries.Test(t.Context(), "ops", "")
	require.NoError(t, err)
	test := r.get("/admin/deliveries/" + tested.ID)
	require.NotContains(t, test.body, "/resend", "a test is made anew")
	require.Contains(t, test.body, "&lt;b&gt;thanks&lt;/b&gt;", "what a receiver answers is no HTML")

	id := deliveryID(1)
	r.delivery(id, map[string]any{"lane": "endpoint:ops", "endpoint_id": "ops", "status": "FAILED", "payload": `{"success":false,"type":"run.failed","createdAt":"2026-02-18T00:00:00.000Z"}`})
	r.attempt(id, 1, map[string]any{"status_code": 500, "error_code": "status", "error": "The receiver answered 500."})
	to.answer(http.StatusNoContent)
	path := "/admin/deliveries/" + id
	got := r.post(path+"/resend", nil)
	require.Equal(t, path+"?done=resent", got.Header.Get("Location"))
	require.Eventually(t, func() bool {
		d, _, err := r.deliveries.Get(context.Background(), id)
		return err == nil && d.Status == deliveries.Delivered
	}, patience, 5*time.Millisecond)
	header, _, count := to.got()
	require.Equal(t, 2, count)
	require.Equal(t, "evt_01", header.Get("Webhook-Id"))
	page := r.get(path).body
	require.Contains(t, page, "sent again by hand")
	require.NotContains(t, page, "data-refresh")
	require.Equal(t, []string{"resend deliveries/" + id}, r.audited())

	require.NoError(t, r.deliveries.Disable(t.Context(), "ops"))
	refused := r.post(path+"/resend", nil)
	require.Equal(t, http.StatusConflict, refused.StatusCode)
	require.Contains(t, refused.body, "is disabled. Enable it first.")
	require.Len(t, r.audited(), 1)
	require.Equal(t, http.StatusNotFound, r.post("/admin/deliveries/dlv_none/resend", nil).StatusCode)
	require.Equal(t, http.StatusNotFound, r.get("/admin/deliveries/dlv_none").StatusCode)
}

func TestManyAttemptsWithLongAnswers(t *testing.T) {
	r := newTraffic(t)
	id, long := deliveryID(1), strings.Repeat("<b>ä", 4000)
	r.delivery(id, map[string]any{"status": "FAILED", "attempts": 40})
	for i := range 40 {
		r.attempt(id, i+1, map[string]any{"status_code": 500, "error_code": "status", "error": "The receiver answered 500.", "response_body": long})
	}
	got := r.get("/admin/deliveries/"+id, "Accept-Encoding", "gzip")
	require.Less(t, len(got.body), 20_000)
	page := r.get("/admin/deliveries/" + id).body
	require.Less(t, len(page), 100_000)
	require.Contains(t, page, "10 older attempts are not shown")
	require.Equal(t, 30, strings.Count(page, `<article`))
	require.Less(t, strings.Index(page, "Attempt 40"), strings.Index(page, "Attempt 39"), "the last one comes first")
	whole := r.get("/admin/deliveries/" + id + "/text?attempt=12")
	require.Equal(t, long, whole.body)
	require.Equal(t, "text/plain; charset=utf-8", whole.Header.Get("Content-Type"))
	for _, which := range []string{"", "?attempt=41", "?attempt=x"} {
		require.Equal(t, http.StatusNotFound, r.get("/admin/deliveries/"+id+"/text"+which).StatusCode, which)
	}
}

// While an endpoint takes nothing, its deliveries say so and until when they wait, wherever they are shown.
func TestDeliveriesThatWaitForAnEndpoint(t *testing.T) {
	r := newTraffic(t)
	at := time.Now().Add(time.Hour)
	for i, endpoint := range []string{"filed", "gone"} {
		r.delivery(deliveryID(i+1), map[string]any{"status": "PENDING", "completed_at": nil, "lane": "endpoint:" + endpoint, "endpoint_id": endpoint, "due_at": at.UnixMilli()})
	}
	due := r.get("/admin/deliveries/" + deliveryID(1)).body
	require.Contains(t, due, "Next attempt")
	require.NotContains(t, due, "None while")

	require.NoError(t, r.deliveries.Disable(t.Context(), "filed"))
	until := at.Add(24 * time.Hour).UTC().Format("2006-01-02 15:")
	for _, path := range []string{"/admin/deliveries?endpoint=filed", "/admin/endpoints/filed"} {
		list := r.get(path).body
		require.Contains(t, list, "Waiting because the endpoint is disabled, until", path)
		require.Contains(t, list, until, path)
		require.NotContains(t, list, "Next attempt", path)
	}
	require.Contains(t, r.get("/admin/deliveries/"+deliveryID(1)).body, "None while the endpoint is disabled. It waits until")
	require.Contains(t, r.get("/admin/deliveries/"+deliveryID(2)).body, "None while the endpoint is gone. It waits until")
}
