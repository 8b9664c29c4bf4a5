package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"beckon/bench/process"
)

// node is one PostgreSQL server with its Patroni.
type node struct {
	name, database, api string // addresses
	patroni             *process.Process
}

const nodeConfig = `scope: beckon
name: %[1]s
restapi: {listen: "%[3]s", connect_address: "%[3]s"}
etcd3: {host: "%[4]s"}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 5
    retry_timeout: 5
    synchronous_mode: true
    maximum_lag_on_failover: 1048576
    postgresql:
      use_pg_rewind: true
      parameters: {max_connections: 300, shared_buffers: 64MB, wal_keep_size: 256MB}
  initdb: [{encoding: UTF8}, {locale: C.UTF-8}, data-checksums]
  pg_hba: ["host all all 127.0.0.1/32 md5", "host replication all 127.0.0.1/32 md5"]
postgresql:
  listen: "%[2]s"
  connect_address: "%[2]s"
  data_dir: %[5]s/data
  bin_dir: %[6]s
  pgpass: %[5]s/pgpass
  parameters: {unix_socket_directories: %[5]s}
  authentication:
    superuser: {username: postgres, password: postgres}
    replication: {username: replicator, password: replicator}
    rewind: {username: rewind, password: rewind}
`

// startNode starts the Patroni of a node, which starts its PostgreSQL.
func (c *cluster) startNode(ctx context.Context, n *node) error {
	folder := filepath.Join(c.folder, n.name)
	config := filepath.Join(folder, "patroni.yaml")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	text := fmt.Sprintf(nodeConfig, n.name, n.database, n.api, c.etcd, folder, c.bin)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return err
	}
	if c.user != nil {
		uid, _ := strconv.Atoi(c.user.Uid) // on Linux they are numbers
		gid, _ := strconv.Atoi(c.user.Gid)
		for _, path := range []string{c.folder, folder, config} {
			if err := os.Chown(path, uid, gid); err != nil {
				return err
			}
		}
	}
	var err error
	command := process.Command{Name: "Patroni of " + n.name, Path: "patroni", Args: []string{config}, Log: c.log(n.name)}
	n.patroni, err = process.Start(ctx, c.asUser(command))
	return err
}

// kill ends a node as a power cut would: its Patroni and all processes of its PostgreSQL.
func (c *cluster) kill(n *node) error {
	text, err := os.ReadFile(filepath.Join(c.folder, n.name, "data", "postmaster.pid"))
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	postmaster, err := strconv.Atoi(first)
	if err != nil {
		return err
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", postmaster, postmaster))
	if err != nil {
		return err
	}
	n.patroni.Kill()
	if err := syscall.Kill(postmaster, syscall.SIGKILL); err != nil {
		return err
	}
	for child := range strings.FieldsSeq(string(children)) {
		pid, err := strconv.Atoi(child)
		if err != nil {
			return err
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}
