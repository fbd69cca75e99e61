using Grid.Formats.Mutations;
using Grid.Replication.Copies;
using Grid.Replication.Records;

namespace Grid.Tests.Simulation;

/// <content>
/// Losses that were accepted: another line of data begins with one copy, whatever that has. What the line before was acknowledged counts as far as that copy
/// knows it to be committed, and nobody of the line before has a say any more.
/// </content>
internal sealed partial class Oracle
{
    /// <summary>Losses that were accepted: from then on clients' histories have holes.</summary>
    public int Losses { get; private set; }

    /// <summary>True for a copy or a primary of a line of data that was given up.</summary>
    private bool IsGivenUp(Guid lineage) => Losses > 0 && lineage != Guid.Empty && lineage != world.Store.Current(shard).Lineage;

    private void OnLoss(ShardRecord before, ShardRecord after)
    {
        Losses++;
        world.Count("LossAccepted");
        foreach (CopyName member in before.InSync)
            Require(Named(member) is not { State: CopyState.Complete } || world.Find(member.Silo) is { DeclaredDead: true }, $"loss: {after} gives {member} up, which has everything and lives");
        Require(after.InSync.Length == 1, $"loss: {after} begins a line of data with more than one copy");
        ShardCopy? copy = Named(after.InSync[0]);
        long known = copy is null ? 0 : Math.Min(copy.CommittedSeen, copy.Log.EndOffset);
        _committed = known == 0 ? default : new LogPosition(copy!.History.EpochAt(known), known);
        _acknowledged = _committed;
        _toldNothing.Clear();
        NoteCommit();
    }

    private ShardCopy? Named(CopyName name)
    {
        Slot? slot = world.Find(name.Silo)?.Slot(shard);
        return slot?.Copy?.Name == name ? slot.Copy : slot?.Coming?.Name == name ? slot.Coming : null;
    }
}
