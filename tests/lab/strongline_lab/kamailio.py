"""Kamailio 5.6, Debian 12's: the carrier's SBC in front of the server.

It is the peer that proves our TLS identity, because it verifies the certificate chain, and that the server lives with
a real proxy: Record-Route and loose routing, two Via headers, a transaction layer that is not ours.
"""

from . import netns, processes, waiting

_CONFIG = """#!KAMAILIO
debug=2
log_stderror=yes
children=2
tcp_children=2
enable_tls=yes
listen=udp:{address}:{port}
listen=tcp:{address}:{port}
listen=tls:{address}:{tls_port}
tcp_connect_timeout=3
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "tls.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
modparam("tls", "config", "{folder}/tls.cfg")
modparam("tm", "fr_timer", 4000)
modparam("tm", "fr_inv_timer", 20000)
modparam("rr", "enable_full_lr", 1)

request_route {{
	if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
	if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
	if (has_totag()) {{
		if (loose_route()) {{ t_relay(); exit; }}
		if (is_method("ACK")) {{ if (t_check_trans()) t_relay(); exit; }}
		sl_send_reply("404", "Not here"); exit;
	}}
	t_check_trans();
	if (!is_method("INVITE|OPTIONS")) {{ sl_send_reply("405", "Method Not Allowed"); exit; }}
	record_route();
	$du = "sip:{target[0]}:{target[1]};transport=tls";
	$fs = "tls:{address}:{tls_port}";
	xlog("L_NOTICE", "relayed $rm to $du\\n");
	if (!t_relay()) sl_reply_error();
}}
"""

_TLS = """[server:default]
method = TLSv1.2+
certificate = {sbc.certificate}
private_key = {sbc.key}
ca_list = {ca}
verify_certificate = no
[client:default]
method = {method}
certificate = {sbc.certificate}
private_key = {sbc.key}
ca_list = {ca}
verify_certificate = yes
require_certificate = yes
"""


class Kamailio:
    """A proxy on 127.0.0.4 that sends every call to `target` over verified TLS."""

    def __init__(self, folder, certificates, target, *, method="TLSv1.2+"):
        self.folder = folder / "kamailio"
        self.folder.mkdir()
        self.address = netns.SBC
        self.port = waiting.free_port(self.address)
        self.tls_port = waiting.free_port(self.address)
        values = {"address": self.address, "port": self.port, "tls_port": self.tls_port, "folder": self.folder, "target": target}
        (self.folder / "kamailio.cfg").write_text(_CONFIG.format(**values))
        (self.folder / "tls.cfg").write_text(_TLS.format(sbc=certificates.sbc, ca=certificates.ca, method=method))
        self.program = processes.Program(
            "kamailio",
            ["kamailio", "-f", self.folder / "kamailio.cfg", "-DD", "-E", "-Y", self.folder, "-P", self.folder / "pid",
             "-m", "64", "-M", "8"],
            self.folder,
        )
        for port in (self.port, self.tls_port):
            waiting.wait_until(
                lambda port=port: waiting.listening(self.address, port), f"Kamailio listens on {port}",
                alive=self.program.alive,
            )

    @property
    def udp(self):
        return (self.address, self.port)

    def log(self):
        return self.program.log()

    def stop(self):
        self.program.stop()
