using Grid.Formats.Mutations;
using Grid.Replication.Replica;
using Grid.Replication.Sessions;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication;

/// <summary>Whatever comes in a snapshot's payload, what is wrong with it is found to be damage.</summary>
public sealed class DamagedPayloadTests
{
    /// <summary>Wherever it is: the number of a keyspace as much as a byte of a value. A defect would be an exception here.</summary>
    [Fact]
    public void Every_bit_that_flips_in_a_plaintext_payload_is_damage_and_not_a_defect()
    {
        SessionTable table = new();
        table.Open(0, 5, 1, 2);
        table.Record(new MutationOrigin(0, 3, 2), 1, false, 4, 5, 6);
        byte[] payload = ReplicaRig.Payload(4, sessions: table.Pack(), second: "other");
        Dictionary<ReplicaEvent, int> told = [];
        for (int bit = 0; bit < payload.Length * 8; bit++)
        {
            ReplicaRig rig = new ReplicaRig().Attach();
            byte[] damaged = [.. payload];
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            rig.Announce(5, 4);
            rig.Piece(5, damaged);
            if (rig.Core.Load is not null)
                rig.End(5, 4);
            ReplicaEvent what = Assert.Single(rig.Events, e => e.What.IsFailedLoad()).What;
            told[what] = told.GetValueOrDefault(what) + 1;
            rig.Wait(5000);
            Assert.Equal(what == ReplicaEvent.LoadOverLimit ? 0 : 5, rig.LastAttach.FailedSnapshot);
            Assert.Empty(rig.Installed);
        }

        Assert.True(told[ReplicaEvent.LoadCorrupt] > payload.Length * 4, string.Join(", ", told));
    }
}
