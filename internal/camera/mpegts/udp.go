package mpegts

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
)

// socketBuffer is asked of the system for what arrives while nobody reads: some tenths of a second of video.
const socketBuffer = 4 << 20

// listen receives at an address of this machine, or from a multicast group.
func listen(ctx context.Context, u *url.URL) (io.ReadCloser, error) {
	address, err := net.ResolveUDPAddr("udp", u.Host)
	if err != nil {
		return nil, err
	}
	var socket *net.UDPConn
	if address.IP.IsMulticast() {
		var on *net.Interface
		if name := u.Query().Get("interface"); name != "" {
			if on, err = net.InterfaceByName(name); err != nil {
				return nil, fmt.Errorf("interface %s: %w", name, err)
			}
		}
		socket, err = net.ListenMulticastUDP("udp", on, address)
	} else {
		var c net.PacketConn
		if c, err = (&net.ListenConfig{}).ListenPacket(ctx, "udp", u.Host); err == nil {
			socket = c.(*net.UDPConn)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w (expected an address of this machine or a multicast group)", err)
	}
	_ = socket.SetReadBuffer(socketBuffer) // what the system allows of it
	return datagrams{socket}, nil
}

// datagrams leaves the RTP header out where there is one.
type datagrams struct{ *net.UDPConn }

// Read implements io.Reader: p gets one datagram's payload, and must have room for the datagram.
func (d datagrams) Read(p []byte) (int, error) {
	for {
		n, err := d.UDPConn.Read(p)
		if err != nil {
			return 0, err
		}
		if payload := withoutRTP(p[:n]); len(payload) > 0 {
			return copy(p, payload), nil
		}
	}
}

// withoutRTP returns what follows an RTP header (RFC 3550, 5.1), or all of a datagram that has none.
func withoutRTP(b []byte) []byte {
	const fixed, version = 12, 2
	if len(b) < fixed || b[0] == syncByte || b[0]>>6 != version {
		return b
	}
	size := fixed + 4*int(b[0]&0x0f)
	if b[0]&0x10 != 0 { // an extension: its length in words stands behind its name
		if len(b) < size+4 {
			return nil
		}
		size += 4 + 4*(int(b[size+2])<<8|int(b[size+3]))
	}
	end := len(b)
	if b[0]&0x20 != 0 {
		end -= int(b[end-1]) // padding
	}
	if size >= end {
		return nil
	}
	return b[size:end]
}
