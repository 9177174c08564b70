package ws

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/corechan/corechan/transports/internal/pump"
)

// patience is how long a peer may owe the answer to a ping, and send nothing else.
const patience = time.Minute

// A keepalive sends pings, and ends a pump whose peer does not answer.
type keepalive struct {
	conn  *websocket.Conn
	pump  *pump.Pump
	every time.Duration
	ctx   context.Context
	end   context.CancelFunc

	mu    sync.Mutex
	timer *time.Timer
}

// startKeepalive begins to ping every so often; never if that is less than 0.
func startKeepalive(conn *websocket.Conn, p *pump.Pump, every time.Duration) *keepalive {
	k := &keepalive{conn: conn, pump: p, every: every}
	k.ctx, k.end = context.WithCancel(context.Background())
	if every > 0 {
		k.mu.Lock()
		k.timer = time.AfterFunc(every, k.ping)
		k.mu.Unlock()
	}
	return k
}

func (k *keepalive) stop() {
	k.end()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.timer != nil {
		k.timer.Stop()
	}
}

// ping asks once, and sees to the next time. A missing answer says nothing while this side does not read, or cannot write.
func (k *keepalive) ping() {
	before := k.pump.Received()
	ctx, cancel := context.WithTimeout(k.ctx, patience)
	err := k.conn.Ping(ctx)
	late := errors.Is(ctx.Err(), context.DeadlineExceeded)
	cancel()
	if err != nil && late && k.pump.Reading() && k.pump.Received() == before {
		k.pump.Fail(fmt.Errorf("peer has not answered for %v", patience))
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ctx.Err() == nil {
		k.timer.Reset(k.every)
	}
}
