package gcs

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"beckon/internal/gcs/gcstest"
)

func TestOpen(t *testing.T) {
	for address, want := range map[string]string{
		"gs://files":                                "https://storage.googleapis.com",
		"gs://files?anonymous=true":                 "https://storage.googleapis.com",
		"gs://files?universe_domain=apis-berlin.de": "https://storage.apis-berlin.de",
		"gs://":                        "it has no name: write gs://BUCKET",
		"gs://files?anonymous=perhaps": "anonymous: ",
		"gs://files?access_id=a&universe_domain=apis.x": "access_id: unknown parameter: gs:// takes",
	} {
		u, err := url.Parse(address)
		require.NoError(t, err)
		b, err := open(u)
		if err != nil {
			require.ErrorContains(t, err, want)
			continue
		}
		require.Equal(t, want, b.server)
	}
}

func TestEmulator(t *testing.T) {
	server := gcstest.New(t, "files")
	for _, host := range []string{server.Host(), server.URL, server.URL + "/"} {
		t.Setenv("STORAGE_EMULATOR_HOST", host)
		b, err := blob.OpenBucket(t.Context(), "gs://files?prefix=beckon/")
		require.NoError(t, err)
		require.NoError(t, b.WriteAll(t.Context(), "key", []byte("content"), nil))
		require.NoError(t, b.Close())
		require.Equal(t, map[string]string{"beckon/key": "content"}, server.Content())
	}
}

// A key of a service account is exchanged for a token, which goes with every request.
func TestCredentials(t *testing.T) {
	var refuses atomic.Bool
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "urn:ietf:params:oauth:grant-type:jwt-bearer", r.FormValue("grant_type"))
		w.Header().Set("Content-Type", "application/json")
		if refuses.Load() {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprint(w, `{"error": "invalid_grant"}`)
			return
		}
		_, _ = fmt.Fprint(w, `{"access_token": "a-token", "token_type": "Bearer", "expires_in": 3600}`)
	}))
	t.Cleanup(tokens.Close)
	server := gcstest.New(t, "files")
	server.Around = func(w http.ResponseWriter, r *http.Request, serve http.Handler) {
		require.Equal(t, "Bearer a-token", r.Header.Get("Authorization"))
		serve.ServeHTTP(w, r)
	}
	opened := func() *blob.Bucket {
		b, err := open(&url.URL{Scheme: "gs", Host: "files"})
		require.NoError(t, err)
		b.server = server.URL
		return blob.NewBucket(b)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", serviceAccount(t, tokens.URL))
	require.NoError(t, opened().WriteAll(t.Context(), "key", []byte("content"), nil))

	refuses.Store(true)
	_, err := opened().ReadAll(t.Context(), "key")
	require.Equal(t, gcerrors.PermissionDenied, gcerrors.Code(err))
	require.ErrorContains(t, err, "invalid_grant")

	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "none.json"))
	_, err = opened().ReadAll(t.Context(), "key")
	require.Equal(t, gcerrors.PermissionDenied, gcerrors.Code(err))
	require.ErrorContains(t, err, "none.json")
}

// serviceAccount writes the key of one, whose tokens come from a server.
func serviceAccount(t *testing.T, tokens string) (path string) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	text, err := json.Marshal(map[string]string{"type": "service_account", "client_email": "beckon@example.iam.gserviceaccount.com",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": tokens})
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "key.json")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return path
}
