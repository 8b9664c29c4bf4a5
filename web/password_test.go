package web_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/web"
)

func TestHashes(t *testing.T) {
	hash := web.HashPassword(password)
	require.Regexp(t, `^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`, hash)
	require.NotEqual(t, hash, web.HashPassword(password), "salted")
	for given, want := range map[string]bool{password: true, "": false, "other": false} {
		got, err := web.Matches(hash, given)
		require.NoError(t, err)
		require.Equal(t, want, got, given)
	}
	for _, broken := range []string{
		"", "x", "$2y$05$abc", "$argon2id$v=19$m=19456,t=2,p=1$",
		"$argon2id$v=19$m=8,t=0,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=8,t=1,p=0$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=16$m=8,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=8,t=1,p=1$c2FsdA$c2FsdA",
		"$argon2id$v=19$m=8,t=1,p=1$c2FsdA$", // every password would match an empty key
	} {
		ok, err := web.Matches(broken, password)
		require.Error(t, err, broken)
		require.False(t, ok, broken)
	}
	// Hashes that Beckon made before it used a library for that are in databases.
	ok, err := web.Matches("$argon2id$v=19$m=19456,t=2,p=1$ktxTeS637LoVkgPce+eGAg$vdNfNRc5R7qIIXIeTwmJxYV7tZzm9ujso/K0+wTSS64", "correct horse battery staple")
	require.NoError(t, err)
	require.True(t, ok)
	// A test vector of the reference implementation: https://github.com/P-H-C/phc-winner-argon2/blob/master/src/test.c
	ok, err = web.Matches("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "password")
	require.NoError(t, err)
	require.True(t, ok)
}

func TestEnsurePassword(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, db *store.Store) {
		ctx := context.Background()
		made, err := web.EnsurePassword(ctx, db)
		require.NoError(t, err)
		require.Regexp(t, `^[a-z2-7]{20}$`, made)
		again, err := web.EnsurePassword(ctx, db)
		require.NoError(t, err)
		require.Empty(t, again, "it is shown once")

		s := siteOn(t, db)
		unconfigured := func(c *web.Config) { c.Password = "" }
		s.serve(unconfigured)
		b := s.browser()
		require.Equal(t, http.StatusSeeOther, b.login(made).StatusCode)
		require.True(t, b.knows())

		s.serve()
		require.False(t, b.knows(), "one that is configured ends the sessions of the one that was made")
		require.Equal(t, http.StatusUnauthorized, b.login(made).StatusCode)
		require.Equal(t, http.StatusSeeOther, b.login(password).StatusCode)

		another, err := web.EnsurePassword(ctx, db)
		require.NoError(t, err)
		require.NotEmpty(t, another, "a configuration without one again gets a new one")
		s.serve(unconfigured)
		require.False(t, b.knows())
		require.Equal(t, http.StatusUnauthorized, b.login(password).StatusCode)
		require.Equal(t, http.StatusSeeOther, b.login(another).StatusCode)
	})
}

func TestReplicasMakeOnePassword(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, db *store.Store) {
		made := make([]string, 4)
		var all sync.WaitGroup
		for i := range made {
			all.Go(func() {
				var err error
				made[i], err = web.EnsurePassword(context.Background(), db)
				require.NoError(t, err)
			})
		}
		all.Wait()
		require.Len(t, strings.Join(made, ""), 20)
	})
}

func TestARestartKeepsSessionsUnlessThePasswordChanges(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	s.serve()
	require.True(t, b.knows())
	s.serve(func(c *web.Config) { c.Password = secret.String("changed") })
	require.False(t, b.knows())
	require.Equal(t, http.StatusSeeOther, b.login("changed").StatusCode)
}

// A replica that was started with the old password neither lets in who knows that, nor puts it back.
func TestReplicasFollowANewPassword(t *testing.T) {
	for name, knows := range map[string]bool{"that has been asked before": true, "that has not": false} {
		t.Run(name, func(t *testing.T) {
			storetest.EachStore(t, func(t *testing.T, db *store.Store) {
				first := siteOn(t, db)
				first.serve()
				require.Equal(t, http.StatusSeeOther, first.browser().login(password).StatusCode)

				first.serve() // another start with the old password
				if knows {
					first.signedIn()
				}
				second := siteOn(t, db)
				second.serve(func(c *web.Config) { c.Password = "changed" })
				b := second.browser()
				require.Equal(t, http.StatusSeeOther, b.login("changed").StatusCode)

				require.Equal(t, http.StatusUnauthorized, first.browser().login(password).StatusCode)
				require.Equal(t, http.StatusSeeOther, first.browser().login("changed").StatusCode)
				require.True(t, b.knows(), "and its session is still good")
			})
		})
	}
}

// A session that a replica begins while the password is being changed elsewhere is good nowhere.
func TestASessionIsOfItsPassword(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	require.True(t, b.knows())
	require.NoError(t, s.store.Write(context.Background(), func(tx store.Tx) error {
		return tx.Exec("UPDATE admin_password SET hash = ?", web.HashPassword("changed")) // and its session stays
	}))
	require.False(t, b.knows())
}

func TestWithoutAnyPasswordNobodyGetsIn(t *testing.T) {
	s := newSite(t, func(c *web.Config) { c.Password = "" })
	for _, with := range []string{"", "x"} {
		require.Equal(t, http.StatusInternalServerError, s.browser().login(with).StatusCode)
	}
}

func TestABrokenHashIsReplaced(t *testing.T) {
	s := newSite(t)
	require.NoError(t, s.store.Write(context.Background(), func(tx store.Tx) error {
		return tx.Exec("INSERT INTO admin_password (id, hash, made) VALUES (1, 'broken', 0)")
	}))
	s.signedIn()
}

// Hashing takes memory: who comes when too many are being checked is told to come back.
func TestLoginsWaitTheirTurn(t *testing.T) {
	err := web.CheckWhileBusy(storetest.Open(t, storetest.Default(t)), password)
	require.True(t, problem.Is(err, problem.Unavailable), "%v", err)
	require.NotZero(t, problem.Of(err).RetryAfter)
}
