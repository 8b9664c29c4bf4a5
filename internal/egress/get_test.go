package egress_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/egress"
)

func TestGetFollowsRedirectsWhereTheGuardAllows(t *testing.T) {
	start := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		require.Empty(t, r.Header.Get("Authorization"))
		switch r.URL.Path {
		case "/file":
			_, _ = io.WriteString(w, "the file")
		case "/once":
			http.Redirect(w, r, "/file#top", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/metadata":
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusFound)
		case "/credentials":
			http.Redirect(w, r, "http://user:pass@127.0.0.1/", http.StatusFound)
		}
	})
	server := start.URL
	out := wayOut(t)
	for _, path := range []string{"/file", "/once"} {
		response, err := out.Get(t.Context(), server+path)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, "the file", string(body))
	}
	for path, part := range map[string]string{"/loop": "leads on more than 5 times", "/metadata": "169.254.169.254 is a link-local address", "/credentials": "must not have a user name"} {
		_, err := out.Get(t.Context(), server+path)
		requireFailed(t, err, "refused_address", part)
	}
	strict := egress.NewWebhooks(guardOf())
	t.Cleanup(strict.Close)
	_, err := strict.Get(t.Context(), server+"/file")
	requireFailed(t, err, "refused_address", "loopback")
}
