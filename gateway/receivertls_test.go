package gateway

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/egress/egresstest"
	"beckon/internal/store/storetest"
)

// The files of egress are in force for what a call asks to be told, also when they are renewed.
func TestReceiversOfACallSeeTheClientCertificate(t *testing.T) {
	authority, folder := egresstest.NewAuthority(t), t.TempDir()
	save := func(name string, content ...[]byte) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, slices.Concat(content...), 0o600))
		return path
	}
	cert, key := authority.Issue(t, "first", time.Hour)
	both, ca := save("both.pem", key, cert), save("ca.pem", authority.PEM)
	shown := make(chan string, 10)
	receiver := authority.Receiver(t, func(_ http.ResponseWriter, r *http.Request) { shown <- r.TLS.PeerCertificates[0].Subject.CommonName })
	g, err := Open(t.Context(), quiet(load(t, fmt.Sprintf(recordsFile, storetest.Default(t))+
		fmt.Sprintf("egress: {allowPrivate: [127.0.0.1/32], clientCert: %q, ca: %q}\n", both, ca)), nil))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	called := func() string {
		r := httptest.NewRequest(http.MethodPost, "/api/v1/webhooks/client-10",
			strings.NewReader(fmt.Sprintf(`{"prompt":"Hi","webhook":{"url":%q,"events":["run.completed"]}}`, receiver.URL)))
		r.Header.Set("Authorization", "Bearer t0ken")
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		g.server.ServeHTTP(w, r)
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		select {
		case name := <-shown:
			return name
		case <-time.After(20 * time.Second):
			require.Fail(t, "the receiver was told nothing")
			return ""
		}
	}
	require.Equal(t, "first", called())
	cert, key = authority.Issue(t, "renewed", time.Hour)
	save("both.pem", key, cert)
	for until := time.Now().Add(20 * time.Second); called() != "renewed"; {
		require.True(t, time.Now().Before(until), "the renewed certificate is not in force")
	}
}
