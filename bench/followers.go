package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"beckon/bench/report"
)

const (
	followersRuns  = 50
	followersEach  = 100
	followersSlow  = 25 * time.Second // how long the runs go on: enough for all to connect
	followersAtOne = 100              // that connect at the same time
	maxFollowed    = 300e6            // bytes
)

// followers has many connections follow runs that are going on, until they end.
func followers(ctx context.Context, l *lab) (found report.Section, err error) {
	model, err := l.startSlowStub(ctx, followersSlow)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, model.Stop()) }()
	g, err := l.startGatewayOn(ctx, filepath.Join(l.folder, "followers"), model)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, g.Stop()) }()
	before, err := g.Memory()
	if err != nil {
		return found, err
	}
	var ids []string
	for range followersRuns {
		id, err := g.enqueue(ctx, g.target.URL, slowBody)
		if err != nil {
			return found, err
		}
		ids = append(ids, id)
	}
	f := &followed{
		gateway:    g,
		connecting: make(chan struct{}, followersAtOne),
		client:     &http.Client{Transport: &http.Transport{MaxConnsPerHost: 0}},
	}
	connected := f.follow(ctx, ids)
	all := followersRuns * followersEach
	for f.begun.Load()+f.failed.Load() < int64(all) {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return found, ctx.Err()
		}
	}
	during, err := g.Memory()
	if err != nil {
		return found, err
	}
	peak, err := g.PeakDuring(ctx, func(context.Context) error {
		connected.Wait()
		return nil
	})
	if err != nil {
		return found, err
	}
	if ended := int(f.ended.Load()); ended != all {
		return found, fmt.Errorf("%d of %d followers read the end of their run", ended, all)
	}
	return report.Section{
		Title: "Followers",
		Text: fmt.Sprintf("The gateway's resident memory with %s connections to `GET /api/v1/runs/{id}/events`: "+
			"%d runs that are going on, with %d followers\n"+
			"each. Each has to read `run.started` while its run goes on, and `run.completed` when it ends.", report.Thousands(float64(all)),
			followersRuns, followersEach),
		Header: []string{"moment", "memory"},
		Rows: [][]string{
			{"before the first run", report.Megabytes(float64(before))},
			{"all followers connected", report.Megabytes(float64(during))},
			{"at its highest, until the last has read the end", report.Megabytes(float64(peak))},
		},
		Verdicts: []report.Verdict{report.AtMost("memory with "+report.Thousands(float64(all))+" followers", float64(max(peak, during)),
			maxFollowed, report.Megabytes)},
	}, nil
}

// followed counts how far the followers have come.
type followed struct {
	*gateway
	client               *http.Client
	connecting           chan struct{}
	begun, ended, failed atomic.Int64
}

// follow connects all followers, and returns what to wait for until all of them are gone.
func (f *followed) follow(ctx context.Context, ids []string) *sync.WaitGroup {
	var connected sync.WaitGroup
	for _, id := range ids {
		for range followersEach {
			connected.Go(func() {
				if f.one(ctx, id) != nil {
					f.failed.Add(1)
				}
			})
		}
	}
	return &connected
}

// one follows one run from its first event to its last.
func (f *followed) one(ctx context.Context, id string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+f.address+"/api/v1/runs/"+id+"/events", nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+f.target.Token)
	f.connecting <- struct{}{}
	response, err := f.client.Do(request)
	<-f.connecting
	if err != nil {
		return err
	}
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		switch kind, _ := strings.CutPrefix(lines.Text(), "event: "); kind {
		case "run.started":
			f.begun.Add(1)
		case "run.completed":
			f.ended.Add(1)
			return nil
		}
	}
	return errors.New("the events broke off")
}
