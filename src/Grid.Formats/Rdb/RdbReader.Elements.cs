using System.Buffers.Binary;

namespace Grid.Formats.Rdb;

public sealed partial class RdbReader
{
    private const string ModulePrefix = "module";
    private const string ModuleAuxPrefix = "module-aux";

    private bool TryReadElement(ref RdbCursor cursor)
    {
        if (!cursor.TryReadByte(out byte opcode))
            return false;
        switch (opcode)
        {
            case RdbFormat.StringType:
                return TryReadString(ref cursor);
            case RdbFormat.ExpiryMs:
                return TryReadExpiry(ref cursor, sizeof(long));
            case RdbFormat.ExpirySeconds:
                return TryReadExpiry(ref cursor, sizeof(int));
            case RdbFormat.Idle:
                return TryReadLength(ref cursor, out _);
            case RdbFormat.Frequency:
                return cursor.TryReadByte(out _);
            case RdbFormat.SelectDb:
                return TryReadSelectDb(ref cursor);
            case RdbFormat.ResizeDb:
                return TryReadResizeDb(ref cursor);
            case RdbFormat.Aux:
                return TryReadAux(ref cursor);
            case RdbFormat.SlotInfo:
                return BeginSkip(RdbShape.SlotInfo);
            case RdbFormat.Function2:
                Skipped("function", []);
                return BeginSkip(RdbShape.Function);
            case RdbFormat.ModuleAux:
                return TryReadModuleAux(ref cursor);
            case RdbFormat.End:
                if (Version >= RdbFormat.FirstChecksumVersion)
                    _state = State.Checksum;
                else
                    End();
                return true;
            default:
                return TryReadSkippedKey(ref cursor, opcode);
        }
    }

    private bool TryReadString(ref RdbCursor cursor)
    {
        if (!_key.TryRead(ref cursor, _options.KeyBytesMax, _fail, out ReadOnlySpan<byte> key)
            || !_value.TryRead(ref cursor, _options.ValueBytesMax, _fail, out ReadOnlySpan<byte> value))
            return false;
        long? expiry = _expiry;
        _expiry = null;
        Entries++;
        _handler.OnString(key, value, expiry);
        _value.Release();
        return true;
    }

    private bool TryReadExpiry(ref RdbCursor cursor, uint size)
    {
        if (!cursor.TryRead(size, out ReadOnlySpan<byte> bytes))
            return false;
        _expiry = size == sizeof(long)
            ? BinaryPrimitives.ReadInt64LittleEndian(bytes)
            : BinaryPrimitives.ReadInt32LittleEndian(bytes) * 1000L;
        return true;
    }

    private bool TryReadSelectDb(ref RdbCursor cursor)
    {
        if (!TryReadLength(ref cursor, out ulong database))
            return false;
        if (database > int.MaxValue)
            throw _fail(RdbError.Corrupt, $"database {database} cannot be");
        _handler.OnSelectDb((int)database);
        return true;
    }

    private bool TryReadResizeDb(ref RdbCursor cursor)
    {
        if (!TryReadLength(ref cursor, out ulong keys) || !TryReadLength(ref cursor, out ulong withExpiry))
            return false;
        _handler.OnResizeDb(keys, withExpiry);
        return true;
    }

    private bool TryReadAux(ref RdbCursor cursor)
    {
        if (!_key.TryRead(ref cursor, _options.KeyBytesMax, _fail, out ReadOnlySpan<byte> name)
            || !_value.TryRead(ref cursor, _options.ValueBytesMax, _fail, out ReadOnlySpan<byte> value))
            return false;
        _handler.OnAux(name, value);
        _value.Release();
        return true;
    }

    private bool TryReadModuleAux(ref RdbCursor cursor)
    {
        if (!TryReadLength(ref cursor, out ulong id))
            return false;
        Skipped(_skipped.ModuleName(ModuleAuxPrefix, id), []);
        return BeginSkip(RdbShape.ModuleAux);
    }

    private bool TryReadSkippedKey(ref RdbCursor cursor, byte type)
    {
        (RdbShape Shape, string Name)? known = type == RdbFormat.Module2Type
            ? (RdbShape.Module, ModulePrefix)
            : RdbShape.OfType(type, _isValkey);
        if (known is not { } value)
            throw _fail(RdbError.Unsupported, $"type or opcode {type} is not known");
        if (!_key.TryRead(ref cursor, _options.KeyBytesMax, _fail, out ReadOnlySpan<byte> key))
            return false;
        string name = value.Name;
        if (type == RdbFormat.Module2Type)
        {
            if (!TryReadLength(ref cursor, out ulong id))
                return false;
            name = _skipped.ModuleName(ModulePrefix, id);
        }

        _expiry = null;
        Skipped(name, key);
        return BeginSkip(value.Shape);
    }

    private bool TryReadLength(ref RdbCursor cursor, out ulong length)
    {
        if (!cursor.TryReadLength(out length, out int encoding))
            return false;
        if (encoding >= 0)
            throw _fail(RdbError.Corrupt, "an encoded string where a length is due");
        return true;
    }

    private void Skipped(string typeName, ReadOnlySpan<byte> key)
    {
        _skipped.Add(typeName);
        _handler.OnSkipped(typeName, key);
    }

    private bool BeginSkip(RdbShape shape)
    {
        _skipper.Begin(shape);
        _state = State.SkippedValue;
        return true;
    }
}
