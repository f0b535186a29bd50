/* What -include says in the flags of DPDK: nothing that NFs name. */
#pragma once
