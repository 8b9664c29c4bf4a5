package jobs

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riversqlite"
)

// maxWakes are the wakes that wait to be heard. One that finds no room is dropped: those before it wake as well.
const maxWakes = 64

// topicInsert is the topic under which River's producers hear of new jobs.
const topicInsert = "river_insert"

// wakingDriver is River's driver for SQLite with a listener of ours. River's own polls a table, and writes to it with
// every insert.
type wakingDriver struct {
	*riversqlite.Driver
	wakes chan *riverdriver.Notification
}

func newWakingDriver(db *sql.DB) *wakingDriver {
	return &wakingDriver{riversqlite.New(db), make(chan *riverdriver.Notification, maxWakes)}
}

// SupportsListenNotify implements riverdriver.Driver: River is to write no notifications.
func (d *wakingDriver) SupportsListenNotify() bool { return false }

// GetListener implements riverdriver.Driver.
func (d *wakingDriver) GetListener(params *riverdriver.GetListenenerParams) riverdriver.Listener {
	return &listener{schema: params.Schema, wakes: d.wakes}
}

// wake tells the producer of a queue to fetch. It may be called before the jobs are committed: the fetch waits for its
// turn with the one writer, which is after the transaction that the writer is in.
func (d *wakingDriver) wake(queue string) {
	payload, _ := json.Marshal(map[string]string{"queue": queue}) // a map of strings always has a JSON form
	select {
	case d.wakes <- &riverdriver.Notification{Topic: topicInsert, Payload: string(payload)}:
	default:
	}
}

// listener hears the wakes of this process. It has no connection that could break.
type listener struct {
	schema string
	wakes  <-chan *riverdriver.Notification
}

// WaitForNotification implements riverdriver.Listener.
func (l *listener) WaitForNotification(ctx context.Context) (*riverdriver.Notification, error) {
	select {
	case n := <-l.wakes:
		return n, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *listener) Close(context.Context) error            { return nil }
func (l *listener) Connect(context.Context) error          { return nil }
func (l *listener) Listen(context.Context, string) error   { return nil }
func (l *listener) Ping(context.Context) error             { return nil }
func (l *listener) Schema() string                         { return l.schema }
func (l *listener) SetAfterConnectExec(string)             {}
func (l *listener) Unlisten(context.Context, string) error { return nil }
