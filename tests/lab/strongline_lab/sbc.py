"""Kamailio 5.6, Debian 12's, as all that a carrier has: registrar, digest, Record-Route, a dispatcher, TLS on every side.

It listens on 127.0.0.4. Who calls from the server's domain is a customer: his calls go to `phone`. Other calls go to the
customer: over the connection that he registered on and by no other, as for one behind a NAT, or to one of `servers`.

Facts of this version: `algorithm` of auth takes MD5 or SHA-256, nothing stronger; xlog lines of this file begin with `lab:`,
so that a test can wait for them; the location table lives in memory and is empty after a restart.
"""

import re

from . import netns, processes, waiting

USER = "acme"
PASSWORD = "opensesame-4711"
REALM = "carrier.test"
PROBED = 9  # dispatcher's: inactive until an OPTIONS is answered
DOMAIN = "voice.test"  # of the server

_CONFIG = """#!KAMAILIO
debug=2
log_stderror=yes
children=2
tcp_children=2
enable_tls=yes
{udp}
listen=tls:{address}:{tls_port}
tcp_source_ipv4={address}
tcp_connect_timeout=3
tcp_connection_lifetime=3600
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "tls.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "nathelper.so"
loadmodule "auth.so"
loadmodule "corex.so"
loadmodule "dispatcher.so"
modparam("tls", "config", "{folder}/tls.cfg")
modparam("tm", "fr_timer", {answer_ms})
modparam("tm", "fr_inv_timer", 20000)
modparam("rr", "enable_full_lr", 1)
modparam("registrar", "max_expires", {max_expires})
modparam("registrar", "received_avp", "$avp(received)")
modparam("nathelper", "received_avp", "$avp(received)")
modparam("auth", "algorithm", "{algorithm}")
modparam("dispatcher", "list_file", "{folder}/dispatcher.list")
modparam("dispatcher", "flags", 2)
modparam("dispatcher", "ds_ping_method", "OPTIONS")
modparam("dispatcher", "ds_ping_interval", 1)
modparam("dispatcher", "ds_probing_mode", 1)
modparam("dispatcher", "ds_probing_threshold", 2)
modparam("dispatcher", "ds_inactive_threshold", 1)
modparam("dispatcher", "ds_ping_reply_codes", "class=2")
modparam("dispatcher", "xavp_dst", "_dsdst_")

request_route {{
	if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
	if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
	if (has_totag()) {{
		if (loose_route()) {{
			handle_ruri_alias();
			remove_hf("Proxy-Authorization");
			xlog("L_NOTICE", "lab: in-dialog $rm from $si uri $ru route $(hdr(Route)[0])\\n");
			t_relay(); exit;
		}}
		if (is_method("ACK")) {{ if (t_check_trans()) t_relay(); exit; }}
		xlog("L_NOTICE", "lab: strayed $rm from $si uri $ru\\n");
		sl_send_reply("404", "Not here"); exit;
	}}
	t_check_trans();
	if (is_method("OPTIONS")) {{ xlog("L_NOTICE", "lab: pinged by $si\\n"); sl_send_reply("200", "Alive"); exit; }}
	if (is_method("REGISTER")) {{
		if (!pv_www_authenticate("{realm}", "{password}", "0")) {{
			xlog("L_NOTICE", "lab: challenged REGISTER $fu\\n");
			www_challenge("{realm}", "1"); exit;
		}}
		fix_nated_register();
		xlog("L_NOTICE", "lab: registered $tu expires $hdr(Expires) contact $ct from $si:$sp connection $conid\\n");
		save("location"); exit;
	}}
	if (!is_method("INVITE")) {{ sl_send_reply("405", "Method Not Allowed"); exit; }}
	if ($fd == "{domain}") route(FROM_CUSTOMER);
	route(TO_CUSTOMER);
}}

route[FROM_CUSTOMER] {{
	xlog("L_NOTICE", "lab: call from $fu to $ru by {name}\\n");
	if ("{challenge}" == "yes") {{
		if (!pv_proxy_authenticate("{realm}", "{password}", "0")) {{
			xlog("L_NOTICE", "lab: challenged INVITE $fu\\n");
			proxy_challenge("{realm}", "1"); exit;
		}}
		consume_credentials();
	}}
	set_contact_alias();
	record_route();
	$ru = "{phone}";
	if (!t_relay()) sl_reply_error();
	exit;
}}

route[TO_CUSTOMER] {{
	record_route();
	if (lookup("location")) {{
		# Only over the connection that it registered on.
		set_forward_no_connect();
		t_on_reply("OF_CUSTOMER");
		xlog("L_NOTICE", "lab: to the contact $ru at $du\\n");
		if (!t_relay()) sl_reply_error();
		exit;
	}}
	if (!ds_select_dst("1", "4")) {{ sl_send_reply("503", "No server"); exit; }}
	xlog("L_NOTICE", "lab: dispatched to $du\\n");
	$fs = "tls:{address}:{tls_port}";
	t_on_failure("NEXT_SERVER");
	if (!t_relay()) {{
		ds_mark_dst("ip");
		if (!ds_next_dst()) {{ sl_reply_error(); exit; }}
		xlog("L_NOTICE", "lab: dispatched next to $du\\n");
		t_relay();
	}}
	exit;
}}

onreply_route[OF_CUSTOMER] {{ set_contact_alias(); }}

failure_route[NEXT_SERVER] {{
	if (t_is_canceled()) exit;
	if (t_check_status("503") || (t_branch_timeout() && !t_branch_replied())) {{
		ds_mark_dst("ip");
		if (ds_next_dst()) {{
			xlog("L_NOTICE", "lab: dispatched next to $du\\n");
			t_on_failure("NEXT_SERVER");
			t_relay(); exit;
		}}
	}}
}}

event_route[dispatcher:dst-up] {{ xlog("L_NOTICE", "lab: server up $ru\\n"); }}
event_route[dispatcher:dst-down] {{ xlog("L_NOTICE", "lab: server down $ru\\n"); }}
"""

_TLS = """[server:default]
method = TLSv1.2+
certificate = {identity.certificate}
private_key = {identity.key}
ca_list = {ca}
verify_certificate = {verify}
require_certificate = {verify}
[client:default]
method = TLSv1.2+
certificate = {identity.certificate}
private_key = {identity.key}
ca_list = {ca}
verify_certificate = yes
require_certificate = yes
"""


class Sbc:
    """One Kamailio, which can be stopped and started again on the same ports."""

    def __init__(
        self, folder, certificates, *, phone="sip:nobody@127.0.0.3:9;transport=tls", servers=(), challenge=True, algorithm="SHA-256",
        max_expires=3600, verify_client=False, identity=None, name="sbc", address=netns.SBC, answer_ms=4000,
    ):
        self.folder = folder / name
        self.folder.mkdir()
        self.name, self.address = name, address
        self.port = waiting.free_port(self.address)
        self.tls_port = waiting.free_port(self.address)
        udp = f"listen=udp:{address}:{self.port}"
        values = {
            "address": self.address, "udp": udp, "tls_port": self.tls_port, "folder": self.folder, "phone": phone, "name": name,
            "realm": REALM, "password": PASSWORD, "algorithm": algorithm, "max_expires": max_expires, "answer_ms": answer_ms,
            "domain": DOMAIN, "challenge": "yes" if challenge else "no",
        }
        (self.folder / "kamailio.cfg").write_text(_CONFIG.format(**values))
        tls = {"identity": identity or certificates.sbc, "ca": certificates.ca, "verify": "yes" if verify_client else "no"}
        (self.folder / "tls.cfg").write_text(_TLS.format(**tls))
        socket = f"tls:{address}:{self.tls_port}"
        rows = [f"1 sip:{host}:{port};transport=tls {PROBED} 0 socket={socket}" for host, port in servers]
        (self.folder / "dispatcher.list").write_text("\n".join(rows or ["2 sip:127.0.0.1:9;transport=tls 4"]) + "\n")
        self.program = None
        self.start()

    def start(self):
        self.program = processes.Program(
            "kamailio",
            ["kamailio", "-f", self.folder / "kamailio.cfg", "-DD", "-E", "-Y", self.folder, "-P", self.folder / "pid",
             "-m", "64", "-M", "8"],
            self.folder,
        )
        waiting.wait_until(
            lambda: waiting.listening(self.address, self.tls_port), "Kamailio listens on its TLS port", alive=self.program.alive
        )

    @property
    def hop(self):
        """Where calls to the carrier go: its address, which its certificate names."""
        return f"sips:{self.address}:{self.tls_port}"

    @property
    def udp(self):
        return (self.address, self.port)

    def sips(self, number):
        """What a phone behind it dials."""
        return f"sip:{number}@{self.address}:{self.tls_port};transport=tls"

    def lines(self, about=""):
        """What this file's xlog lines say, of all lives of the process."""
        return [line for line in re.findall(r"lab: (.*)", self.program.log()) if line.startswith(about)]

    def wait_for(self, about, count=1, timeout=waiting.PATIENCE_S):
        return waiting.wait_until(
            lambda: len(found := self.lines(about)) >= count and found, f"Kamailio says {count} x '{about}'", timeout, self.program.alive
        )

    def stop(self):
        self.program.stop()
