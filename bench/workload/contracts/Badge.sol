// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// An ERC-721 that anyone may mint at a price. Ids are handed out by one counter, so two
/// mints never commute; the guard is transient storage, so EIP-1153 is exercised too.
contract Badge is ERC721, ReentrancyGuardTransient {
    uint256 public constant PRICE = 1e15;

    uint256 public nextId = 1;

    error WrongPrice(uint256 paid);

    constructor() ERC721("Badge", "BADGE") {}

    function mint(address to) external payable nonReentrant returns (uint256 id) {
        if (msg.value != PRICE) revert WrongPrice(msg.value);
        id = nextId++;
        _safeMint(to, id);
    }
}
