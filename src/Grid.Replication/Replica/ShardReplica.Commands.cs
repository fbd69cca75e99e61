using Grid.Formats;
using Grid.Formats.Binary;
using Grid.Formats.Links;
using Grid.Formats.Mutations;
using Grid.Replication.Copies;
using Grid.Replication.Links;
using Grid.Replication.Log;
using Grid.Replication.Time;

namespace Grid.Replication.Replica;

/// <content>The command stream.</content>
public sealed partial class ShardReplica
{
    private CommandUnpacker? _unpacker;

    /// <summary>An item of the command stream came.</summary>
    public void OnCommand(ReadOnlySpan<byte> bytes, Instant now)
    {
        if (!Owns() || Phase == ReplicaPhase.Detached)
            return;
        LinkItem item = default;
        try
        {
            item = LinkItem.Read(bytes, out ReadOnlySpan<byte> body);
            if (item.Kind is LinkItemKind.SnapshotChunk or LinkItemKind.SnapshotEnd)
                LoadAtOnce(item, body, bytes, now);
            else if (Accepts(item, now))
                Take(item, body, now);
        }
        catch (MalformedException malformed)
        {
            Reattach(item == default ? ReplicaEvent.CommandDamaged : ReplicaEvent.Gap, malformed.Message, now);
        }
        catch (PayloadException payload)
        {
            FailCommands(payload, now);
        }
    }

    /// <summary>The item came as it was sent; what is in it cannot be used.</summary>
    private void FailCommands(PayloadException payload, Instant now)
    {
        if (payload.Fault != PayloadFault.Truncated)
            CountDamaged(payload.Message, now);
        Reattach(
            payload.Fault switch
            {
                PayloadFault.Incompatible => ReplicaEvent.CommandsIncompatible,
                PayloadFault.Corrupt => ReplicaEvent.CommandsCorrupt,
                PayloadFault.Truncated => ReplicaEvent.CommandsTruncated,
                PayloadFault.LimitExceeded => ReplicaEvent.CommandsOverLimit,
                _ => throw new ArgumentOutOfRangeException(nameof(payload), payload.Fault, "A fault that nothing is known of."),
            },
            payload.Message,
            now);
    }

    /// <summary>Stale and repeated items are dropped, a hole ends the link: all before anything is decoded.</summary>
    private bool Accepts(in LinkItem item, Instant now)
    {
        bool stale = item.Epoch < Copy.EpochSeen && !Plants(PlantedBug.AcceptsStaleEpoch);
        if ((item.Attach != _attach && !Plants(PlantedBug.TakesStaleItems)) || stale)
            return false;
        if (item.Sequence < _nextSequence && !Plants(PlantedBug.TakesRepeatedItems))
            return false;
        if (Plants(PlantedBug.IgnoresGap) || Plants(PlantedBug.TakesStaleItems) || Plants(PlantedBug.TakesRepeatedItems))
            _nextSequence = item.Sequence;
        if (item.Sequence > _nextSequence)
        {
            if (Plants(PlantedBug.AcknowledgesBehindGap) && Phase == ReplicaPhase.Following && item.Kind == LinkItemKind.Mutations)
                Acknowledge(item.B + item.C - 1, now);
            Reattach(ReplicaEvent.Gap, $"items {_nextSequence} to {item.Sequence - 1} of the command stream are missing", now);
            return false;
        }

        if (_epoch != 0 && item.Epoch != _epoch)
            throw new MalformedException($"Epoch {item.Epoch} on a link of epoch {_epoch}.");
        _nextSequence++;
        _epoch = item.Epoch;
        _heardAtMs = now.MonotonicMs;
        Copy.Observe(item.Epoch, 0);
        return true;
    }

    private void Take(in LinkItem item, ReadOnlySpan<byte> body, Instant now)
    {
        switch (item.Kind)
        {
            case LinkItemKind.Continue when Phase == ReplicaPhase.Attaching:
                TakeContinue(item, now);
                break;
            case LinkItemKind.FullSync when Phase is ReplicaPhase.Attaching or ReplicaPhase.Loading:
                SyncAnnouncement announcement = ReadAnnouncement(item, body);
                Agree(announcement.CommandTraits);
                BeginLoad(announcement, now);
                break;
            case LinkItemKind.FullSync when Phase == ReplicaPhase.Following && item.A == _loadedSnapshot:
                // The snapshot stream was ahead: it is loaded already.
                Agree(ReadAnnouncement(item, body).CommandTraits);
                Advance(item.Committed, now);
                break;
            case LinkItemKind.Mutations when Phase is ReplicaPhase.Following or ReplicaPhase.Loading:
                TakeMutations(item, body, now);
                break;
            case LinkItemKind.PackedMutations when Phase is ReplicaPhase.Following or ReplicaPhase.Loading && _unpacker is not null:
                TakeMutations(item, _unpacker.Unpack(body), now);
                break;
            case LinkItemKind.Heartbeat:
                TakeHeartbeat(item, now);
                break;
            case var kind when !Enum.IsDefined(kind):
                throw new LinkFormatException(PayloadFault.Incompatible, $"An item of kind {(int)kind}, which this version does not know. Upgrade the older side.");
            default:
                throw new MalformedException($"{item.Kind} does not fit a replica that is {Phase}.");
        }
    }

    private static SyncAnnouncement ReadAnnouncement(in LinkItem item, ReadOnlySpan<byte> body)
    {
        try
        {
            return SyncAnnouncement.Read(item, body);
        }
        catch (MalformedException malformed)
        {
            throw new LinkFormatException(PayloadFault.Corrupt, malformed.Message);
        }
    }

    private void TakeContinue(in LinkItem item, Instant now)
    {
        long common = item.A;
        if (common > Copy.Log.EndOffset || (common < Copy.Applied && !Plants(PlantedBug.CutsAppliedData)))
            throw new MalformedException($"Asked to go on behind {common} with a log that ends at {Copy.Log.EndOffset} and {Copy.Applied} applied.");
        if (common < Copy.Log.EndOffset)
            _output.Report(ReplicaEvent.TailCut, $"mutations {common + 1} to {Copy.Log.EndOffset} were never committed");
        if (!Plants(PlantedBug.KeepsDivergedTail))
            Copy.CutTail(common);
        BeginToFollow(now);
        Agree((LinkTraits)item.C);
        _output.Report(ReplicaEvent.PartialResync, $"goes on behind {common} in epoch {_epoch}");
        Advance(item.Committed, now);
    }

    /// <summary>
    /// A primary that held its lease when it sent this had the replica's word of <c>B</c> by then: with all applied that was
    /// committed, the copy is as new as the shard was at that moment.
    /// </summary>
    private void TakeHeartbeat(in LinkItem item, Instant now)
    {
        LinkTraits traits = (_traits & LinkTraits.PackedCommands) | ((LinkTraits)item.C & LinkTraits.OffersPacking);
        if (traits != _traits)
        {
            // The primary's settings have changed; what it knows of this side's may be older than the attach.
            _traits = traits;
            _agreesAnew = true;
        }

        Advance(item.Committed, now);
        bool knows = Phase == ReplicaPhase.Following && MayServe && Copy.Applied >= item.Committed;
        if ((knows || Plants(PlantedBug.TrustsAnyHeartbeat)) && item.B > Copy.FreshAtMs)
            Copy.FreshAtMs = item.B;
    }

    /// <summary>How the commands of this link travel; announced once, in its first item.</summary>
    private void Agree(LinkTraits traits)
    {
        _traits = traits;
        if (traits.HasFlag(LinkTraits.PackedCommands))
            _unpacker ??= new CommandUnpacker(_options.ItemBytesMax + Mutation.LengthMax(_options.KeyBytesMax, _options.ValueBytesMax));
    }

    private void DropUnpacker()
    {
        _unpacker?.Dispose();
        _unpacker = null;
    }

    /// <summary>Keeps mutations that follow the log; during a load they wait behind the snapshot's base.</summary>
    private void TakeMutations(in LinkItem item, ReadOnlySpan<byte> mutations, Instant now)
    {
        LogSlice slice = new() { Epoch = item.A, FirstOffset = item.B, Count = (int)item.C, Bytes = mutations };
        ShardCopy target = _loading ?? Copy;
        if (Plants(PlantedBug.IgnoresGap) || Plants(PlantedBug.TakesRepeatedItems))
            slice = new LogSlice { Epoch = slice.Epoch, FirstOffset = target.Log.EndOffset + 1, Count = slice.Count, Bytes = slice.Bytes };
        if (slice.FirstOffset != target.Log.EndOffset + 1)
            throw new MalformedException($"Mutations from {slice.FirstOffset} on do not follow {target.Log.EndOffset}.");
        if (slice.Epoch < target.History.LastEpoch || slice.Epoch > _epoch)
            throw new MalformedException($"Mutations of epoch {slice.Epoch} behind epoch {target.History.LastEpoch}, in a reign of epoch {_epoch}.");
        CheckWhole(slice);
        if (_loading is not null && _loading.Log.Bytes + slice.Bytes.Length > _keptBytesMax)
        {
            FailLoad(ReplicaEvent.LoadOverrun, $"the primary sends more mutations than the {_keptBytesMax} bytes that are kept during a load", now);
            return;
        }

        target.Append(slice);
        Advance(item.Committed, now);
    }

    /// <summary>Nothing goes into the log that could not be read again.</summary>
    /// <exception cref="LinkFormatException">The mutations are not those that the item's head says, or cannot be read.</exception>
    private static void CheckWhole(in LogSlice slice)
    {
        ReadOnlySpan<byte> rest = slice.Bytes;
        for (int i = 0; i < slice.Count; i++)
        {
            if (rest.IsEmpty)
                throw new LinkFormatException(PayloadFault.Truncated, $"An item of {slice.Count} mutations ends behind {i} of them.");
            rest = rest[LengthOfFirst(rest)..];
        }

        if (!rest.IsEmpty || slice.Count == 0)
            throw new LinkFormatException(PayloadFault.Corrupt, $"{rest.Length} bytes are left behind {slice.Count} mutations.");
    }

    private static int LengthOfFirst(ReadOnlySpan<byte> mutations)
    {
        try
        {
            return Mutation.Read(mutations).Length;
        }
        catch (MalformedException malformed)
        {
            throw new LinkFormatException(PayloadFault.Corrupt, malformed.Message);
        }
    }

    /// <summary>Applies what is committed and tells the primary what is held.</summary>
    private void Advance(long committed, Instant now)
    {
        _committed = Math.Max(_committed, committed);
        if (Phase == ReplicaPhase.Following)
        {
            Copy.ApplyUpTo(Plants(PlantedBug.AppliesUncommitted) ? Copy.Log.EndOffset : committed);
            Copy.Log.DropBefore(Copy.Applied + 1, _options.BacklogBytesMax);
            Acknowledge(Copy.Log.EndOffset, now);
        }
        else if (!Plants(PlantedBug.SilentWhileLoading))
        {
            Acknowledge(-1, now);
        }
    }
}
