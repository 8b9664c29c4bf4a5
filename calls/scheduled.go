package calls

import (
	"context"
	"time"

	"beckon/clients"
	"beckon/commands"
	"beckon/runs"
)

// schedule is the Channel of runs that a client's schedule starts. Nobody calls.
var schedule = &Channel{Source: runs.SourceSchedule, Queues: true, Verify: trustClientID, Prompt: promptOfSchedule}

// ScheduledRun returns the run that a client's schedule starts: the prompt of the client or its command, on its
// agent. The client's rate limit does not apply, because there is no caller to slow down.
func (s *Service) ScheduledRun(ctx context.Context, clientID string) (runs.Request, error) {
	c := &Call{
		request: &Request{ClientID: clientID, ReceivedAt: time.Now(), service: s},
		channel: schedule,
		service: s,
		catalog: s.Catalog(),
		lease:   newLease(s.Memory),
	}
	defer c.Close()
	var err error
	if c.Client, err = schedule.Verify(ctx, c.catalog.Clients, c.request); err != nil {
		return runs.Request{}, err
	}
	return c.runRequest()
}

func promptOfSchedule(client *clients.Member, all commands.Set, _ *Request, _ int) (p Prompt, err error) {
	err = useStoredPrompt(client, all, &p)
	return p, err
}
