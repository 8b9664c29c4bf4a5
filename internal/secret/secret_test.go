package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"beckon/internal/secret"
)

func TestASecretNeverPrints(t *testing.T) {
	s := struct {
		Key  secret.String
		More map[string]secret.String
	}{"hunter2hunter2", map[string]secret.String{"x": "hunter2hunter2"}}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "s", s, "key", s.Key)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", s, "key", s.Key)
	j, err := json.Marshal(s)
	require.NoError(t, err)
	y, err := yaml.Marshal(s)
	require.NoError(t, err)
	all := log.String() + string(j) + string(y) + fmt.Sprintf("%v %+v %#v %s %q", s, s, s, s.Key, s.Key)
	require.NotContains(t, all, "hunter2")
	require.Contains(t, all, secret.Mask)
	require.Equal(t, "hunter2hunter2", s.Key.Reveal())
}

func sealer(key string) *secret.Sealer {
	return secret.NewSealer(func() (secret.String, error) { return secret.String(key), nil })
}

func TestSeal(t *testing.T) {
	x := sealer("k1")
	sealed, err := x.Seal("sk-123", "providers/a")
	require.NoError(t, err)
	require.NotContains(t, sealed, "sk-123")
	again, err := x.Seal("sk-123", "providers/a")
	require.NoError(t, err)
	require.NotEqual(t, sealed, again, "a nonce was used twice")
	opened, err := x.Open(sealed, "providers/a")
	require.NoError(t, err)
	require.Equal(t, "sk-123", opened.Reveal())
	end := "AA"
	if strings.HasSuffix(sealed, end) { // as one in 256 does
		end = "QQ"
	}
	for name, open := range map[string]func() (secret.String, error){
		"another place": func() (secret.String, error) { return x.Open(sealed, "providers/b") },
		"another key":   func() (secret.String, error) { return sealer("k2").Open(sealed, "providers/a") },
		"cut off":       func() (secret.String, error) { return x.Open(sealed[:20], "providers/a") },
		"changed":       func() (secret.String, error) { return x.Open(sealed[:len(sealed)-2]+end, "providers/a") },
		"never sealed":  func() (secret.String, error) { return x.Open("sk-123", "providers/a") },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open()
			require.Error(t, err)
			require.NotContains(t, err.Error(), "sk-123")
		})
	}
}

func TestDigest(t *testing.T) {
	digest := func(x *secret.Sealer, text, context string) string {
		d, err := x.Digest(text, context)
		require.NoError(t, err)
		return d
	}
	one := digest(sealer("k1"), "ada@example.com", "ci")
	require.Equal(t, one, digest(sealer("k1"), "ada@example.com", "ci"))
	for _, other := range []string{digest(sealer("k2"), "ada@example.com", "ci"), digest(sealer("k1"), "bob@example.com", "ci"), digest(sealer("k1"), "ada@example.com", "web")} {
		require.NotEqual(t, one, other)
	}
}

func TestReferencesNeedNoKey(t *testing.T) {
	x := secret.NewSealer(func() (secret.String, error) { return "", errors.New("no key") })
	for _, s := range []secret.String{"", "${OPENAI_API_KEY}"} {
		stored, err := x.Seal(s, "p")
		require.NoError(t, err)
		require.Equal(t, s.Reveal(), stored)
	}
	_, err := x.Seal("real", "p")
	require.ErrorContains(t, err, "no key")
}

func TestKeyFileIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.key")
	keys := make([]secret.String, 8)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() { keys[i], _ = secret.MakeKeyFile(path) })
	}
	wg.Wait()
	require.Len(t, keys[0].Reveal(), 44)
	for _, k := range keys {
		require.Equal(t, keys[0].Reveal(), k.Reveal())
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err = secret.MakeKeyFile(path)
	require.ErrorContains(t, err, "is empty")
}

func TestWhatIsNoSecretIsNotKept(t *testing.T) {
	for _, none := range []secret.String{secret.Lost, secret.Removed} {
		_, err := sealer("key").Seal(none, "providers/p")
		require.Error(t, err)
		require.Equal(t, secret.Mask, fmt.Sprint(none))
	}
}

func TestRevised(t *testing.T) {
	for _, test := range []struct{ have, wanted, want secret.String }{
		{"old", "", "old"}, {"old", secret.Mask, "old"}, {"old", "new", "new"}, {"old", secret.Removed, ""},
		{"", "", ""}, {"", secret.Mask, secret.Mask}, {"", "new", "new"}, {"", secret.Removed, ""},
	} {
		require.Equal(t, test.want.Reveal(), test.have.Revised(test.wanted).Reveal(), "%q %q", test.have.Reveal(), test.wanted.Reveal())
		require.Equal(t, test.want == "old", test.have.IsKeptBy(test.wanted), "%q %q", test.have.Reveal(), test.wanted.Reveal())
	}
}
