package examples_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/examples/internal/exampletest"
)

// operated are changes of an example's configuration after which ask may administer it.
var operated = []string{"\nserver:\n", "\nadmin: {token: " + operatorToken + "}\nserver:\n"}

const operatorToken = "operator-of-this-test"

// send makes a request, and returns the answer with its body. A header is "name: value".
func send(t *testing.T, method, url string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer, string(body)
}

// requireStatusOf makes a request, and expects an answer of that status.
func requireStatusOf(t *testing.T, status int, method, url string, headers ...string) {
	t.Helper()
	answer, body := send(t, method, url, headers...)
	require.Equal(t, status, answer.StatusCode, "%s %s %v: %s", method, url, headers, body)
}

// ask makes a request to the admin API, and reads the answer into document unless that is nil.
func ask(t *testing.T, e *exampletest.Example, method, path string, document any) {
	t.Helper()
	answer, body := send(t, method, e.URL()+"/api/v1/admin"+path, "Authorization: Bearer "+operatorToken)
	require.Less(t, answer.StatusCode, 300, body)
	if document != nil {
		require.NoError(t, json.Unmarshal([]byte(body), document), body)
	}
}

// delivery is an event that is to reach a receiver, with the attempts at it.
type delivery struct {
	ID, Type, Status string
	Attempts         []struct{ StatusCode int }
}

// deliveriesOf are those of a run.
func deliveriesOf(t *testing.T, e *exampletest.Example, run string) []delivery {
	t.Helper()
	var list struct{ Items []delivery }
	ask(t, e, http.MethodGet, "/deliveries?run="+run, &list)
	for i := range list.Items {
		ask(t, e, http.MethodGet, "/deliveries/"+list.Items[i].ID, &list.Items[i])
	}
	return list.Items
}

// requireVendor wants the headers of a vendor's event, and none of Standard Webhooks. The receiver has verified the signature.
func requireVendor(t *testing.T, e exampletest.Event, vendor, kind string) {
	t.Helper()
	h, prefix := e["headers"].(map[string]any), "x-"+strings.ToLower(vendor)+"-"
	require.Equal(t, "application/json", h["content-type"])
	require.Equal(t, vendor+"-Webhooks/1.0", h["user-agent"])
	require.Regexp(t, `^sha256=[0-9a-f]{64}$`, h[prefix+"signature"])
	require.Equal(t, kind, h[prefix+"event"])
	require.Regexp(t, eventID, h[prefix+"delivery"])
	requireNow(t, h[prefix+"timestamp"])
	for name := range h {
		require.False(t, strings.HasPrefix(name, "webhook-") || strings.HasPrefix(name, "svix-"), name)
	}
}
