package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/catalog"
	"beckon/internal/config"
	"beckon/internal/egress/egresstest"
	"beckon/internal/store/storetest"
)

// The files of egress are in force for what a call asks to be told, also when they are renewed.
func TestReceiversOfACallSeeTheClientCertificate(t *testing.T) {
	authority, folder := egresstest.NewAuthority(t), t.TempDir()
	save := func(name string, content ...[]byte) {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), slices.Concat(content...), 0o600))
	}
	cert, key := authority.Issue(t, "gateway", time.Hour)
	save("both.pem", key, cert)
	save("ca.pem", authority.PEM)
	seen := make(chan string, 10)
	receiver := authority.Receiver(t, func(_ http.ResponseWriter, r *http.Request) { seen <- r.TLS.PeerCertificates[0].Subject.CommonName })

	file := filepath.Join(folder, "config.yaml")
	content := fmt.Sprintf(recordsFile, storetest.Default(t)) + fmt.Sprintf("egress: {allowPrivate: [127.0.0.1/32], clientCert: %q, ca: %q}\n",
		filepath.Join(folder, "both.pem"), filepath.Join(folder, "ca.pem"))
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	c, err := config.Load(file, os.LookupEnv, nouns(slog.New(slog.DiscardHandler), nil))
	require.NoError(t, err)
	db, err := openDatabase(context.Background(), c, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.store.Close()) })
	srv, l := wiredLive(t, db, c)
	body := fmt.Sprintf(`{"prompt":"Hi","webhook":{"url":%q,"events":["run.completed"]}}`, receiver.URL)
	shown := func() string {
		r := httptest.NewRequest(http.MethodPost, "/api/v1/webhooks/client-10", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer t0ken")
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		srv.ServeHTTP(w, r)
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		select {
		case name := <-seen:
			return name
		case <-time.After(20 * time.Second):
			require.Fail(t, "the receiver was told nothing")
			return ""
		}
	}
	require.Equal(t, "gateway", shown())

	revision, err := catalog.Revision(t.Context(), db.store)
	require.NoError(t, err)
	watching, stop := context.WithCancel(t.Context())
	var watched sync.WaitGroup
	watched.Go(func() { l.watch(watching, revision) })
	defer watched.Wait()
	defer stop()
	cert, key = authority.Issue(t, "renewed", time.Hour)
	save("both.pem", key, cert)
	for until := time.Now().Add(20 * time.Second); shown() != "renewed"; {
		require.True(t, time.Now().Before(until), "the renewed certificate is not in force")
	}
}
