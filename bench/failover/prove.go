package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

const (
	// mostRecovery is how long after a kill every gateway has to answer calls again.
	mostRecovery = 30 * time.Second
	// recoveryPatience tells late from never.
	recoveryPatience = 2 * time.Minute
)

// provePostgres kills the primary again and again, and then gateways.
func provePostgres(ctx context.Context, o options, folder string) (verdicts []verdict, err error) {
	say("starting etcd, HAProxy and %d PostgreSQL servers", nodes)
	c, err := startCluster(ctx, filepath.Join(folder, "cluster"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	f, err := startFleet(ctx, o, filepath.Join(folder, "gateways"), c.URL(), 3)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	r, err := openRecord("pgx", c.URL())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	primaries, err := experiment(ctx, o, f, r, verdict{what: "the primary", database: "PostgreSQL, 3 gateways"}, func(int) (killed, error) {
		return killPrimary(ctx, c)
	})
	if err != nil {
		return nil, err
	}
	gateways, err := experiment(ctx, o, f, r, verdict{what: "a gateway", database: "PostgreSQL, 3 gateways"}, func(i int) (killed, error) {
		return killGateway(ctx, f, f.gateways[i%len(f.gateways)])
	})
	return []verdict{primaries, gateways}, err
}

// proveSQLite kills the only gateway of a SQLite file again and again.
func proveSQLite(ctx context.Context, o options, folder string) (verdicts []verdict, err error) {
	folder = filepath.Join(folder, "sqlite")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(folder, "beckon.db")
	f, err := startFleet(ctx, o, folder, "sqlite:"+path, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	r, err := openRecord("sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	v, err := experiment(ctx, o, f, r, verdict{what: "the gateway", database: "SQLite, 1 gateway"}, func(int) (killed, error) {
		return killGateway(ctx, f, f.gateways[0])
	})
	return []verdict{v}, err
}

// killed is a kill: when it was done, and how what was killed comes back.
type killed struct {
	at      time.Time
	restart func() error
}

// killPrimary kills the node with the primary. It starts again when another one has taken its place.
func killPrimary(ctx context.Context, c *cluster) (k killed, err error) {
	if err := c.awaitComplete(ctx); err != nil {
		return k, err
	}
	primary, err := c.awaitPrimary(ctx, nil)
	if err != nil {
		return k, err
	}
	if err := c.kill(primary); err != nil {
		return k, err
	}
	k.at = time.Now()
	k.restart = func() error {
		if _, err := c.awaitPrimary(ctx, primary); err != nil {
			return err
		}
		return c.startNode(ctx, primary)
	}
	return k, nil
}

// killGateway kills a gateway, which starts again at once.
func killGateway(ctx context.Context, f *fleet, g *gateway) (k killed, err error) {
	g.kill()
	return killed{time.Now(), func() error { return f.start(ctx, g) }}, nil
}

// experiment kills something again and again while callers call, and compares.
func experiment(ctx context.Context, o options, f *fleet, r *record, v verdict, kill func(n int) (killed, error)) (verdict, error) {
	v.kills = o.kills
	l := startLoad(ctx, f, o.rate)
	defer l.stop()
	if err := eventually(ctx, recoveryPatience, "calls are not answered", func() bool { return l.answersSince(time.Time{}) }); err != nil {
		return v, err
	}
	for i := range o.kills {
		if err := pause(ctx, rand.N(2*time.Second)); err != nil { // any moment will do
			return v, err
		}
		k, err := kill(i)
		if err != nil {
			return v, fmt.Errorf("kill %s: %w", v.what, err)
		}
		restarted := make(chan error, 1)
		go func() { restarted <- k.restart() }()
		err = v.await(ctx, l, r, k.at)
		if err := errors.Join(err, <-restarted); err != nil {
			return v, fmt.Errorf("after kill %d of %s: %w", i+1, v.what, err)
		}
		last := len(v.recovery) - 1
		say("%s, kill %d: calls are answered again after %.1f s, and what was accepted before has ended after %.1f s",
			v.what, i+1, v.recovery[last], v.settled[last])
	}
	l.stop()
	if err := r.awaitEnd(ctx); err != nil {
		return v, err
	}
	return v, v.compare(ctx, l, r)
}

// await waits until calls are answered again and what was accepted before a kill has ended, and notes how long both took.
func (v *verdict) await(ctx context.Context, l *load, r *record, at time.Time) error {
	before := l.runsBefore(at)
	answered, ended := time.Duration(0), time.Duration(0)
	err := eventually(ctx, recoveryPatience, "calls are not answered, or runs do not end", func() bool {
		if answered == 0 && l.answersSince(at) {
			answered = time.Since(at)
		}
		if ended == 0 && r.haveEnded(ctx, before) {
			ended = time.Since(at)
		}
		return answered > 0 && ended > 0
	})
	v.recovery, v.settled = append(v.recovery, answered.Seconds()), append(v.settled, ended.Seconds())
	return err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// say tells whoever watches how far it is.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format(time.TimeOnly)+" "+format+"\n", args...)
}
