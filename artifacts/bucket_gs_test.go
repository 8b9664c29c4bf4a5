package artifacts_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/artifacts"
	_ "beckon/internal/gcs"
	"beckon/internal/gcs/gcstest"
	"beckon/internal/problem"
	"beckon/internal/store/storetest"
)

func TestABucketOfGoogle(t *testing.T) {
	bucket := gcstest.New(t, bucketOfGoogle)
	t.Setenv("STORAGE_EMULATOR_HOST", bucket.Host())
	s := storetest.Open(t, storetest.SQLite(t))
	service, _ := newService(t, s, func(c *artifacts.Config) { c.URL = "gs://" + bucketOfGoogle + "?prefix=beckon/" })
	addRun(t, s, maker.RunID, false)

	a := save(t, service, "a.png", "", png+"0123456789")
	require.Equal(t, map[string]string{"beckon/" + a.ID[len(a.ID)-2:] + "/" + a.ID: png + "0123456789"}, bucket.Content())
	keep(t, s, service, a)
	found, err := service.Get(t.Context(), a.ID)
	require.NoError(t, err)
	for asked, want := range map[string]string{"": png + "0123456789", "bytes=-4": "6789"} {
		r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
		if asked != "" {
			r.Header.Set("Range", asked)
		}
		require.NoError(t, service.Serve(w, r, found))
		require.Equal(t, want, w.Body.String())
	}
	require.NoError(t, service.Remove(t.Context(), a.ID))
	require.Empty(t, bucket.Content())

	// A file of several parts, and one over the limit, which leaves no object behind.
	large, err := service.Save(t.Context(), maker, "large", "", &endless{12 << 20})
	require.NoError(t, err)
	require.EqualValues(t, 12<<20, large.Bytes)
	_, err = service.Save(t.Context(), maker, "too large", "", &endless{artifacts.DefaultMaxBytes + 1})
	require.Equal(t, problem.CodeArtifactTooLarge, problem.Of(err).Code)
	require.Len(t, bucket.Content(), 1)
	require.Zero(t, bucket.Open())
}

const bucketOfGoogle = "files"
