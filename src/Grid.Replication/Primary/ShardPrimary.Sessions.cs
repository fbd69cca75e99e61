using Grid.Formats.Mutations;
using Grid.Formats.Operations;
using Grid.Replication.Sessions;
using Grid.Storage;

namespace Grid.Replication.Primary;

/// <content>
/// What is remembered of clients' operations: repeated ones are looked up, and what takes effect is written down with its effect. What is
/// forgotten is decided here, and goes through the log.
/// </content>
public sealed partial class ShardPrimary
{
    /// <summary>
    /// Answers an operation that may have been applied before, unless it was not and may take effect now.
    /// </summary>
    private bool AnswerRepeated(ref BatchRun run, PrimaryKeyspace? keyspace, in Operation operation)
    {
        if (operation.Kind is OperationKind.Scan or OperationKind.Statistics || Plants(PlantedBug.RepeatsWithoutLookup))
            return false;

        run.MeansToWrite |= operation.Kind is not (OperationKind.Get or OperationKind.Peek);

        // What the adopted log says of the past is true once the barrier is committed: until then another copy may reign that knows more.
        if (_committed < _epochStart)
            run.Observe(_epochStart);
        bool forgotten = run.Session is null ? run.Header.Client <= _copy.Sessions.EvictedUpTo : operation.Number < run.Session.Floor;
        if (forgotten && !Plants(PlantedBug.IgnoresSessionFloor))
        {
            Answer(run, OperationStatus.SessionExpired);
            return true;
        }

        if (run.Session is not null && run.Session.TryFind(operation.Number, out AppliedOperation applied))
        {
            AnswerApplied(ref run, operation, applied);
            return true;
        }

        if (!operation.Flags.HasFlag(OperationFlags.OnlyLookUp) && !IsOvertaken(run, keyspace, operation))
            return false;
        Answer(run, OperationStatus.Overtaken);
        return true;
    }

    /// <summary>The first result, as soon as its mutation is committed.</summary>
    private void AnswerApplied(ref BatchRun run, in Operation operation, in AppliedOperation applied)
    {
        run.FoundWritten(Plants(PlantedBug.TellsUncommittedResult) ? 0 : EntryVersion.Offset(applied.Version));
        bool hasVersion = operation.Kind is OperationKind.Set or OperationKind.Increment or OperationKind.Expire;
        Answer(run, OperationStatus.Ok, hasVersion ? applied.Version : 0, number: applied.Result);
    }

    private bool IsOvertaken(in BatchRun run, PrimaryKeyspace? keyspace, in Operation operation)
    {
        if (run.Session is null || keyspace is null || Plants(PlantedBug.RepeatsBehindLaterEffects))
            return false;
        bool clears = operation.Kind == OperationKind.Clear;
        uint hash = clears ? 0 : (uint)KeyHash.Compute(operation.Key);
        return run.Session.IsOvertaken(operation.Number, AppliedOperation.PlaceOf(keyspace.Data.Id, clears), hash);
    }

    /// <summary>What the mutation that is the effect of an operation carries; to be asked for before the mutation is written into the log.</summary>
    private MutationOrigin OriginOf(ref BatchRun run, long number)
    {
        if (number == 0)
            return default;
        run.Session ??= OpenSession(run.Header, number);
        bool bounded = !Plants(PlantedBug.RemembersWithoutBound);
        if (_copy.Sessions.Entries >= _options.SessionEntriesTotalMax && bounded)
            EvictIdlest(run.Session);
        long floor = Math.Max(run.Header.SettledBelow, bounded ? run.Session.FloorFor(_options.SessionEntriesMax - 1) : 0);
        return new MutationOrigin(run.Session.Id, number, Math.Min(floor, number));
    }

    private ClientSession OpenSession(in RequestHeader header, long number)
    {
        if (_copy.Sessions.Count >= _options.SessionsMax && !Plants(PlantedBug.RemembersWithoutBound))
            EvictIdlest(except: null);

        // Of a client that may have had a session before, nothing is known of what it numbered below.
        bool mayBeKnown = header.Client <= _copy.Sessions.EvictedUpTo && !Plants(PlantedBug.IgnoresSessionFloor);
        long floor = mayBeKnown ? number : Math.Min(header.SettledBelow, number);
        int id = _copy.Sessions.FreeId();
        long offset = Append(Mutation.WriteOpenSession(_copy.Log.Reserve(_epoch, Mutation.LengthMax(0, 0)), id, header.Client, floor));
        return _copy.Sessions.Open(id, header.Client, floor, offset);
    }

    private void EvictIdlest(ClientSession? except)
    {
        if (_copy.Sessions.Idlest(except) is not { } idlest)
            return;
        if (!Plants(PlantedBug.EvictsSilently))
            Append(Mutation.WriteEvictSession(_copy.Log.Reserve(_epoch, Mutation.LengthMax(0, 0)), idlest.Id));
        _copy.Sessions.Evict(idlest.Id);
    }

    /// <summary>Remembers that an operation took effect.</summary>
    private void Remember(in MutationOrigin origin, PrimaryKeyspace keyspace, ulong hash, long offset, long result = 0, bool clears = false)
    {
        if (!origin.IsNone && !Plants(PlantedBug.RemembersAtReplicasOnly))
            _copy.Sessions.Record(origin, keyspace.Data.Id, clears, hash, EntryVersion.Pack(_epoch, offset), result);
    }
}
