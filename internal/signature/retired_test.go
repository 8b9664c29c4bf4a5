package signature_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/secret"
	"beckon/internal/signature"
)

func TestRetire(t *testing.T) {
	now := time.Date(2026, 2, 18, 12, 0, 0, 0, time.UTC)
	secretsOf := func(list []signature.Retired) (all []secret.String) {
		for _, r := range list {
			all = append(all, r.Secret)
		}
		return all
	}
	one := signature.Retire(nil, "a", "b", now)
	require.Equal(t, []signature.Retired{{Secret: "a", Until: now.Add(24 * time.Hour)}}, one)
	later := now.Add(time.Hour)
	two := signature.Retire(one, "b", "c", later)
	require.Equal(t, []secret.String{"b", "a"}, secretsOf(two))
	require.Equal(t, []secret.String{"a"}, secretsOf(one), "the list before is left as it is")
	require.Equal(t, []secret.String{"c", "b"}, secretsOf(signature.Retire(two, "c", "a", later)), "one that comes back is in use")
	require.Equal(t, []secret.String{"b"}, secretsOf(signature.Retire(two, "c", "c", now.Add(24*time.Hour))), "one has ended")
	require.Empty(t, signature.Retire(nil, secret.Lost, "a", now), "what nobody has cannot sign")
	require.Empty(t, signature.Retire([]signature.Retired{{Secret: secret.Lost, Until: later}}, "a", "a", now))
	for _, next := range []secret.String{"d", "e", "f", "g"} {
		two = signature.Retire(two, "c"+next, next, later)
	}
	require.Len(t, two, 5)
}
