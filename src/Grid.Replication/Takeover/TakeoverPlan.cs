using Grid.Formats.Mutations;
using Grid.Replication.Copies;
using Grid.Replication.Primary;
using Grid.Replication.Records;

namespace Grid.Replication.Takeover;

/// <summary>What a silo says of its copy of a shard.</summary>
/// <param name="Name">The copy.</param>
/// <param name="State">How whole it is.</param>
/// <param name="Position">Where its log ends.</param>
/// <param name="EpochSeen">The highest epoch that it has seen.</param>
/// <param name="Reigns">True while a primary on that silo owns it.</param>
/// <param name="Surrendered">What its last primary surrendered, if its reign ended by a hand-over.</param>
/// <param name="Entries">Entries in it, for the operator.</param>
/// <param name="Unapplied">Mutations of its tail that are not in the entries yet, for the operator.</param>
/// <param name="RecordVersionSeen">The highest version of the record that it has seen.</param>
public readonly record struct PolledCopy(
    CopyName Name,
    CopyState State,
    LogPosition Position,
    long EpochSeen,
    bool Reigns,
    SurrenderedReign? Surrendered = null,
    long Entries = 0,
    long Unapplied = 0,
    long RecordVersionSeen = 0)
{
    /// <summary>
    /// True when somebody has seen a newer record than the one that was read: it was changed since, or the store has lost a write. Whom the lost record
    /// named nobody knows, so nobody may be adopted by the older one, which may name copies that have not everything.
    /// </summary>
    internal static bool IsOutdated(ShardRecord record, IEnumerable<PolledCopy> polled, out PolledCopy witness)
    {
        witness = polled.OrderByDescending(copy => copy.RecordVersionSeen).FirstOrDefault();
        return witness.RecordVersionSeen > record.Version;
    }
}

/// <summary>A reign that ended by a hand-over.</summary>
/// <param name="Epoch">The reign.</param>
/// <param name="Receiver">Who is to take the shard over.</param>
public readonly record struct SurrenderedReign(long Epoch, CopyName Receiver);

/// <summary>What is to become of a shard that nobody is known to reign over.</summary>
public enum TakeoverVerdict
{
    /// <summary>The shard never had a primary: make an empty copy and reign.</summary>
    Create,

    /// <summary>Adopt the copy, in place.</summary>
    Adopt,

    /// <summary>A primary reigns already.</summary>
    Reigned,

    /// <summary>No copy that has everything can be had now.</summary>
    Unavailable,
}

/// <summary>
/// Who takes a shard over: the in-sync copy with the highest position that answered, on its own silo, in an epoch above
/// all that anyone has seen. Pure: what was read and polled goes in, the verdict comes out.
/// </summary>
/// <param name="Verdict">What to do.</param>
/// <param name="Silo">Where.</param>
/// <param name="Copy">The copy to adopt.</param>
/// <param name="Epoch">The new reign.</param>
/// <param name="InSync">
/// The in-sync set of the new reign: the members whose silos take part and that did not answer that they have not, or not wholly, what the record names.
/// One that is merely silent stays: it is this silo that may be cut off.
/// </param>
/// <param name="Reason">Why, for the operator.</param>
/// <param name="EndedEpoch">
/// A reign whose own primary said that it serves nothing any more, so that what was granted to it need not be waited out; 0 if none did. That its
/// silo knows of no primary is not enough: an activation that was lost may work on.
/// </param>
public sealed record TakeoverPlan(
    TakeoverVerdict Verdict, string Silo, CopyName Copy, long Epoch, IReadOnlyList<CopyName> InSync, string Reason, long EndedEpoch = 0)
{
    /// <summary>
    /// How long the copy that is adopted has to wait before it serves, in milliseconds: until its own last grant has ended, unless the
    /// reign that it was given to has. A grant to a reign before that one says nothing: its primary may still count on it.
    /// </summary>
    public long WaitMs(ShardCopy copy, long nowMs)
    {
        ArgumentNullException.ThrowIfNull(copy);
        return EndedEpoch > 0 && copy.GrantedEpoch == EndedEpoch ? 0 : Math.Max(0, copy.GrantedUntilMs - nowMs);
    }

    /// <summary>Decides.</summary>
    /// <param name="record">The shard's record.</param>
    /// <param name="polled">
    /// What the silos that answered have: a copy, or one without an id where they have none. Others of the in-sync set are on dead or silent silos.
    /// </param>
    /// <param name="alive">The silos that are not dead.</param>
    /// <param name="active">Those of them that take new work: neither joining nor shutting down.</param>
    public static TakeoverPlan Decide(
        ShardRecord record, IReadOnlyCollection<PolledCopy> polled, IReadOnlyCollection<string> alive, IReadOnlyCollection<string> active)
    {
        if (record.Epoch == 0)
        {
            string? silo = ReplicaPlacement.Rank(record.Shard, active).FirstOrDefault();
            return silo is null
                ? Unavailable(record.Epoch, "no silo is active")
                : new TakeoverPlan(TakeoverVerdict.Create, silo, default, 1, [], "the shard never had a primary");
        }

        CopyName primary = record.Primary!.Value;
        PolledCopy recorded = polled.FirstOrDefault(copy => copy.Name == primary);
        if (recorded.Reigns)
            return new TakeoverPlan(TakeoverVerdict.Reigned, primary.Silo, primary, record.Epoch, record.InSync, $"{primary} reigns");
        if (PolledCopy.IsOutdated(record, polled, out PolledCopy witness))
            return Unavailable(record.Epoch, $"the record was read at version {record.Version}, and {witness.Name} has seen version {witness.RecordVersionSeen}. If it stays so the record store has lost a write: restore the store, or have an operator accept the loss");
        PolledCopy[] candidates = [.. polled.Where(copy => copy.State == CopyState.Complete && record.Names(copy.Name) && active.Contains(copy.Name.Silo))];
        if (candidates.Length == 0)
            return Unavailable(record.Epoch, WhyUnavailable(record, alive));
        if (recorded.Name != primary && alive.Contains(primary.Silo) && !polled.Any(copy => copy.Name.Silo == primary.Silo))
            return Unavailable(record.Epoch, $"primary {primary} does not answer and is not declared dead yet");
        SurrenderedReign? surrendered = recorded.Surrendered is { } ended && ended.Epoch == record.Epoch ? ended : null;
        PolledCopy best = candidates
            .OrderByDescending(copy => copy.Position)
            .ThenByDescending(copy => copy.Name == surrendered?.Receiver)
            .ThenByDescending(copy => copy.Name == primary)
            .ThenBy(copy => copy.Name.Silo, StringComparer.Ordinal)
            .First();
        long epoch = Math.Max(record.Epoch, polled.Max(copy => copy.EpochSeen)) + 1;
        return new TakeoverPlan(
            TakeoverVerdict.Adopt,
            best.Name.Silo,
            best.Name,
            epoch,
            [.. record.InSync.Where(member => active.Contains(member.Silo) && !IsGone(member, polled))],
            $"{best.Name} is at {best.Position}",
            surrendered is null ? 0 : record.Epoch);
    }

    /// <summary>
    /// True when no further answer can change what is decided: the primary reigns, or it has handed the shard over and the receiver has answered too,
    /// since then nobody has more than the receiver.
    /// </summary>
    /// <param name="record">The shard's record.</param>
    /// <param name="polled">The copies that have answered so far.</param>
    public static bool KnowsEnough(ShardRecord record, IReadOnlyCollection<PolledCopy> polled)
    {
        if (record.Primary is not { } primary || polled.FirstOrDefault(copy => copy.Name == primary) is not { Name.Silo: not null } recorded)
            return false;
        return recorded.Reigns
            || (recorded.Surrendered is { } ended && ended.Epoch == record.Epoch && polled.Any(copy => copy.Name == ended.Receiver && copy.State == CopyState.Complete));
    }

    /// <summary>True when the member's silo has answered, and not with that copy, or not with a whole one.</summary>
    private static bool IsGone(CopyName member, IReadOnlyCollection<PolledCopy> polled) =>
        polled.Any(copy => copy.Name.Silo == member.Silo) && !polled.Any(copy => copy.Name == member && copy.State == CopyState.Complete);

    /// <summary>Nobody can take the shard over now.</summary>
    /// <param name="epoch">The last reign that is known of; 0 if none is.</param>
    /// <param name="reason">Why, for the operator.</param>
    public static TakeoverPlan Unavailable(long epoch, string reason) => new(TakeoverVerdict.Unavailable, "", default, epoch, [], reason);

    private static string WhyUnavailable(ShardRecord record, IReadOnlyCollection<string> alive)
    {
        string[] dead = [.. record.InSync.Select(copy => copy.Silo).Where(silo => !alive.Contains(silo)).Distinct()];
        string where = dead.Length == 0 ? "they do not answer, or were emptied" : $"dead: {string.Join(", ", dead)}";
        return $"no in-sync copy of shard {record.Shard} answers ({where}). Bring a silo back that holds one; a copy that is gone for good needs an operator to accept the loss";
    }
}
