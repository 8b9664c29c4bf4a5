package jobs_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"

	"beckon/internal/jobs"
	"beckon/internal/store"
)

// The tests that need a process of their own start this binary again, with the URL of a database and with what to do.
const (
	processURL  = "BECKON_TEST_PROCESS_URL"
	processRole = "BECKON_TEST_PROCESS_ROLE"

	roleMigrator = "migrator" // brings the tables up to date and ends
	roleVictim   = "victim"   // takes up two jobs, prints their ids, and never ends them
)

func TestMain(m *testing.M) {
	if role := os.Getenv(processRole); role != "" {
		if err := play(role, os.Getenv(processURL)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func process(role, url string) *exec.Cmd {
	c := exec.Command(os.Args[0])
	c.Env, c.Stderr = append(os.Environ(), processRole+"="+role, processURL+"="+url), os.Stderr
	return c
}

func play(role, url string) error {
	ctx, log := context.Background(), slog.New(slog.DiscardHandler)
	s, err := store.Open(ctx, url, log)
	if err != nil {
		return err
	}
	q, err := jobs.New(ctx, jobs.Config{Store: s, Instance: role, Log: log, Kinds: map[string]jobs.Kind{"work": {Workers: 2, Handle: takeUp}}})
	if err != nil || role == roleMigrator {
		return err
	}
	if err := q.Start(ctx); err != nil {
		return err
	}
	select {}
}

func takeUp(_ context.Context, ids []string) error {
	for _, id := range ids {
		fmt.Println(id)
	}
	select {}
}
