package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// clusterPatience is how long the cluster may take to be complete again. A node that returns may have to copy the database.
const clusterPatience = 3 * time.Minute

// member is what Patroni says of a node.
type member struct {
	Name, Role, State string
	Lag               any // bytes, or "unknown"
}

// members asks one node after the other.
func (c *cluster) members(ctx context.Context) (list []member, err error) {
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for _, n := range c.nodes {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.api+"/cluster", nil)
		if err != nil {
			return nil, err
		}
		response, err := client.Do(request)
		if err != nil {
			continue
		}
		var answer struct{ Members []member }
		err = json.NewDecoder(response.Body).Decode(&answer)
		_ = response.Body.Close()
		if err == nil {
			return answer.Members, nil
		}
	}
	return nil, errors.New("no Patroni answers")
}

// awaitPrimary waits until a node other than before is the primary.
func (c *cluster) awaitPrimary(ctx context.Context, before *node) (primary *node, err error) {
	err = eventually(ctx, clusterPatience, "there is no primary", func() bool {
		list, err := c.members(ctx)
		if err != nil {
			return false
		}
		for _, m := range list {
			for _, n := range c.nodes {
				if n.name == m.Name && n != before && m.Role == "leader" && m.State == "running" {
					primary = n
				}
			}
		}
		return primary != nil
	})
	return primary, err
}

// awaitComplete waits until all nodes are there, none of them behind, and one of them a synchronous standby.
func (c *cluster) awaitComplete(ctx context.Context) error {
	var last []member
	err := eventually(ctx, clusterPatience, "the cluster is not complete", func() bool {
		list, err := c.members(ctx)
		if err != nil {
			return false
		}
		last = list
		roles := map[string]int{}
		for _, m := range list {
			if m.State != "running" && m.State != "streaming" {
				return false
			}
			if lag, isNumber := m.Lag.(float64); m.Role != "leader" && (!isNumber || lag > 1<<20) {
				return false
			}
			roles[m.Role]++
		}
		return len(list) == nodes && roles["leader"] == 1 && roles["sync_standby"] == 1
	})
	if err != nil {
		return fmt.Errorf("%w: %+v", err, last)
	}
	return nil
}

// eventually asks ten times a second whether something is so.
func eventually(ctx context.Context, patience time.Duration, otherwise string, isSo func() bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("%s after %s", otherwise, patience))
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !isSo() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
