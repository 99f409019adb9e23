// A reader of an NFQUEUE queue as most are written: libnetfilter_queue, a packet a read, a verdict a packet. Fail-open and whole GSO
// packets, as ours, and the same limits. It says how many packets it let pass when SIGTERM ends it.
//
//     gcc -O2 -o queue-c queue.c -lnetfilter_queue -lmnl
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>

enum { COPY = 128, LENGTH = 8192, SOCKET_BYTES = LENGTH * 832 / 2 };

static struct mnl_socket *kernel;
static unsigned long passed;
static volatile sig_atomic_t over;

static void end(int signal)
{
	(void)signal;
	over = 1;
}

static void send_request(const struct nlmsghdr *request)
{
	if (mnl_socket_sendto(kernel, request, request->nlmsg_len) < 0) {
		perror("sendto");
		exit(EXIT_FAILURE);
	}
}

static int packet(const struct nlmsghdr *message, void *unused)
{
	struct nlattr *attributes[NFQA_MAX + 1] = { 0 };
	char buffer[MNL_SOCKET_BUFFER_SIZE];

	(void)unused;
	if (nfq_nlmsg_parse(message, attributes) < 0 || !attributes[NFQA_PACKET_HDR])
		return MNL_CB_ERROR;
	const struct nfgenmsg *family = mnl_nlmsg_get_payload(message);
	const struct nfqnl_msg_packet_hdr *header =
		mnl_attr_get_payload(attributes[NFQA_PACKET_HDR]);
	struct nlmsghdr *verdict =
		nfq_nlmsg_put(buffer, NFQNL_MSG_VERDICT, ntohs(family->res_id));
	nfq_nlmsg_verdict_put(verdict, ntohl(header->packet_id), NF_ACCEPT);
	send_request(verdict);
	passed++;
	return MNL_CB_OK;
}

int main(int count, char **words)
{
	static char buffer[0xffff + 4096];
	struct sigaction ending = { .sa_handler = end };
	int bytes = SOCKET_BYTES, yes = 1;

	if (count != 2) {
		fprintf(stderr, "usage: %s QUEUE\n", words[0]);
		return 2;
	}
	int queue = atoi(words[1]);
	sigaction(SIGTERM, &ending, NULL);
	kernel = mnl_socket_open(NETLINK_NETFILTER);
	if (!kernel || mnl_socket_bind(kernel, 0, MNL_SOCKET_AUTOPID) < 0) {
		perror("netlink");
		return EXIT_FAILURE;
	}
	setsockopt(mnl_socket_get_fd(kernel), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
	mnl_socket_setsockopt(kernel, NETLINK_NO_ENOBUFS, &yes, sizeof yes);

	struct nlmsghdr *request = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, queue);
	nfq_nlmsg_cfg_put_cmd(request, AF_INET, NFQNL_CFG_CMD_BIND);
	send_request(request);
	request = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, queue);
	nfq_nlmsg_cfg_put_params(request, NFQNL_COPY_PACKET, COPY);
	nfq_nlmsg_cfg_put_qmaxlen(request, LENGTH);
	mnl_attr_put_u32(request, NFQA_CFG_FLAGS, htonl(NFQA_CFG_F_GSO | NFQA_CFG_F_FAIL_OPEN));
	mnl_attr_put_u32(request, NFQA_CFG_MASK, htonl(NFQA_CFG_F_GSO | NFQA_CFG_F_FAIL_OPEN));
	send_request(request);

	unsigned int port = mnl_socket_get_portid(kernel);
	while (!over) {
		ssize_t len = mnl_socket_recvfrom(kernel, buffer, sizeof buffer);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 || mnl_cb_run(buffer, len, 0, port, packet, NULL) < 0) {
			perror("reading");
			return EXIT_FAILURE;
		}
	}
	printf("%lu packets passed\n", passed);
	return EXIT_SUCCESS;
}
